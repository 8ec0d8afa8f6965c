package why

import "encoding/json"

// rows reads a service's own rows. Columns that this release does not know are left out, missing ones are zero.
func rows[T any](e *Evidence, service, table string) []T {
	t := e.Trails[service]
	if t == nil {
		return nil
	}
	for _, own := range t.Tables {
		if own.Name != table {
			continue
		}
		raw, err := json.Marshal(own.Rows)
		if err != nil {
			return nil
		}
		var out []T
		if err := json.Unmarshal(raw, &out); err != nil {
			return nil
		}
		return out
	}
	return nil
}
