package crash

import "testing"

func TestStatementsAreNamedByWhatTheyDo(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"begin":   "begin",
		"-- ping": "ping",
		"\nINSERT INTO positions (a) SELECT x FROM unnest($1) AS t ON CONFLICT DO UPDATE": "insert positions",
		"\nUPDATE positions AS p SET next = 1 FROM unnest($3) AS m":                       "update positions",
		"DELETE FROM outbox WHERE id = ANY($1)":                                           "delete outbox",
		"SELECT count(*) FROM (\n    SELECT FROM operation WHERE x FOR UPDATE) AS locked": "select operation",
		"WITH due AS (SELECT a FROM operation) UPDATE operation SET a = 1":                "select operation",
		"WITH released AS (UPDATE relay_lease SET owner = '') SELECT pg_notify('a')":      "update relay_lease",
		"SELECT pg_notify('outbox_', '')":                                                 "select pg_notify",
		`LISTEN "outbox_16500"`:                                                           "listen",
		"SELECT a\nFROM instance -- of the order\nWHERE b":                                "select instance",
	} {
		if got := labels(sql); got != want {
			t.Errorf("%q is %q, want %q", sql, got, want)
		}
	}
}
