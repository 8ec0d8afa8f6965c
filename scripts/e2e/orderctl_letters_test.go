package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/testkit"
)

// letters are what list shows as JSON.
type letters struct {
	Items []struct {
		ID     int64  `json:"letter_id"`
		Group  string `json:"group"`
		Reason string `json:"reason"`
	} `json:"items"`
}

func lettersOf(t *testing.T, order uuid.UUID, args ...string) (l letters) {
	t.Helper()
	s := orderctl(t, nil, append([]string{"deadletters", "list", "--order", order.String(), "-o", "json"}, args...)...)
	require.Equal(t, 0, s.code, s.errs)
	require.NoError(t, json.Unmarshal([]byte(s.out), &l))
	return l
}

// stranger sends something that nobody should, and waits until those who read the topic have set it aside. It returns the number of each
// program's letter.
func stranger(t *testing.T, order uuid.UUID, value string) map[string]string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(system.Brokers, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer cl.Close()
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{
		Topic: contracts.PaymentEvents, Key: []byte(order.String()), Partition: kafka.Partition([]byte(order.String()), contracts.Partitions),
		Value: []byte(value), Headers: envelope(order, "PaymentAuthorized.v1"),
	}).FirstErr())
	numbers := map[string]string{}
	testkit.Eventually(t, func() bool {
		for _, l := range lettersOf(t, order).Items {
			if l.Reason == "unreadable" {
				numbers[l.Group] = strconv.FormatInt(l.ID, 10)
			}
		}
		return len(numbers) == 2
	}, "the dead letters of the process manager and the read model")
	return numbers
}

// withoutAnswer is an order for which payment calls the provider in vain: until somebody acts, nothing more comes of it.
func withoutAnswer(t *testing.T) uuid.UUID {
	t.Helper()
	order := place(t, "dora", "pm_5xx", nil)
	testkit.Eventually(t, func() bool {
		r, _ := whyOf(t, order)
		return strings.Contains(r.Answer, "calls for the authorization since")
	}, "calls without an answer")
	return order
}

// The page shows a dead letter edited and redriven, as an operator would.
func TestOrderctlTranscriptOfADeadLetter(t *testing.T) {
	order := withoutAnswer(t)
	numbers := stranger(t, order, `{"order_id":"`+order.String()+`","amount":"39.98 EUR"}`)
	require.Equal(t, 0, orderctl(t, nil, "saga", "unwind", order.String(), "--reason", "the customer called", "--yes").code)
	var behind letters
	testkit.Eventually(t, func() bool {
		behind = lettersOf(t, order, "--reason", "behind")
		return len(behind.Items) == 2
	}, "an answer behind each dead letter")
	r, s := whyOf(t, order)
	require.Equal(t, 0, s.code, "%v", r.Findings)
	require.Contains(t, r.Answer, "It waits behind a dead letter of processmanager since ")
	require.Contains(t, r.Answer, "`orderctl deadletters show processmanager "+numbers["processmanager"]+"`")

	folder := t.TempDir()
	fixed := `{"order_id":"` + order.String() + `","amount":{"amount_minor":3998,"currency":"EUR"}}`
	require.NoError(t, os.WriteFile(filepath.Join(folder, "fixed.json"), []byte(fixed+"\n"), 0o600))
	placed := map[string]string{
		"processmanager": numbers["processmanager"], "discard orderview": numbers["orderview"],
		"redrive orderview": strconv.FormatInt(behind.Items[1].ID, 10), // the programs come in a fixed order
	}
	nothing := func([]string) {}
	play(t, "dead-letter.md", 7, folder, func(line string) string {
		line = anyUUID.ReplaceAllString(line, order.String())
		for name, number := range placed {
			line = regexp.MustCompile(name+` \d+`).ReplaceAllString(line, name+" "+number)
		}
		return line
	}, nothing, nothing)
	require.Empty(t, lettersOf(t, order).Items)

	require.Equal(t, "rejected", settled(t, order).State)
	r, s = whyOf(t, order)
	require.Equal(t, 0, s.code, "%v", r.Findings)
}

// What was redriven too early fails again, which is exit code 1; what an editor makes of it is taken; what is discarded is gone.
func TestOrderctlRedrivesEditsAndDiscards(t *testing.T) {
	order := withoutAnswer(t)
	letter := stranger(t, order, `{`)["processmanager"]
	s := orderctl(t, nil, "deadletters", "redrive", "processmanager", letter, "--reason", "in vain", "--yes")
	require.Equal(t, 1, s.code)
	require.Contains(t, s.errs, "failed again: unreadable")

	s = orderctl(t, []string{"EDITOR=true"}, "deadletters", "edit", "processmanager", letter, "--reason", "x", "--yes")
	require.Equal(t, 1, s.code)
	require.Contains(t, s.errs, "nothing was changed")
	s = orderctl(t, []string{"EDITOR=", "VISUAL="}, "deadletters", "edit", "processmanager", letter, "--reason", "x", "--yes")
	require.Equal(t, 2, s.code)
	require.Contains(t, s.errs, "set EDITOR, or give --body FILE")
	s = orderctl(t, []string{"EDITOR=cp " + os.DevNull}, "deadletters", "edit", "processmanager", letter, "--reason", "empty is no JSON either", "--yes")
	require.Equal(t, 2, s.code, s.out)
	body := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(body, []byte(`{"order_id":"`+order.String()+`","amount":{"amount_minor":1,"currency":"EUR"}}`), 0o600))
	s = orderctl(t, []string{"VISUAL=cp " + body}, "deadletters", "edit", "processmanager", letter, "--reason", "by an editor", "--yes")
	require.Equal(t, 0, s.code, s.errs)
	s = orderctl(t, nil, "deadletters", "discard", "processmanager", letter, "--reason", "a stranger's", "--yes")
	require.Equal(t, 0, s.code, s.errs)
	require.Empty(t, lettersOf(t, order, "--program", "processmanager").Items)
	require.Equal(t, 0, orderctl(t, nil, "saga", "unwind", order.String(), "--reason", "enough", "--yes").code)
	require.Equal(t, "rejected", settled(t, order).State)

	s = orderctl(t, nil, "deadletters", "show", "payment", "987654321")
	require.Equal(t, 1, s.code)
	s = orderctl(t, nil, "deadletters", "show", "shop", "1")
	require.Equal(t, 2, s.code)
	require.Contains(t, s.errs, "give order, payment, warehouse, processmanager, orderview or loyalty")
}
