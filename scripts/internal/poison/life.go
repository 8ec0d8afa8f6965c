package poison

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/scripts/internal/load"
)

// Life is what was said of an order, without what names that order alone: what appeared first of each source and sequence, by
// "/services/order 1" and so on. What was sent again because its time had come is left out: a slow machine is not another life.
type Life map[string]string

// own are the members of payloads that name an order, its customer or its parcel.
var own = []string{"order_id", "customer_id", "shipment_id"}

// LifeOf puts an order's records together, those of each topic in the log's order. Nothing may differ when it comes again.
func LifeOf(records []*kgo.Record) (Life, error) {
	said := map[string]map[uint64]string{} // by source and sequence; "" of what is left out
	for _, r := range records {
		source := load.Header(r, "ce_source")
		sequence, err := strconv.ParseUint(load.Header(r, "ce_sequence"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: ce_sequence: %w", load.Name(r), r.Key, err)
		}
		text, err := inWords(r)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", load.Name(r), r.Key, err)
		}
		if said[source] == nil {
			said[source] = map[uint64]string{}
		}
		if first, again := said[source][sequence]; again && first != text {
			return nil, fmt.Errorf("%s %d of %s was %q, and came again as %q", source, sequence, r.Key, first, text)
		}
		said[source][sequence] = text
	}
	life := Life{}
	for source, all := range said {
		n := 0
		for _, sequence := range slices.Sorted(maps.Keys(all)) {
			if text := all[sequence]; text != "" {
				n++
				life[fmt.Sprintf("%s %d", source, n)] = text
			}
		}
	}
	return life, nil
}

// inWords is a record's type and what it says, "" of a command that is sent again.
func inWords(r *kgo.Record) (string, error) {
	if attempt := load.Header(r, "ce_attempt"); attempt != "" && attempt != "1" {
		return "", nil
	}
	var payload map[string]any
	if err := json.Unmarshal(r.Value, &payload); err != nil {
		return "", err
	}
	for _, name := range own {
		delete(payload, name)
	}
	rest, err := json.Marshal(payload) // sorts the members
	return load.Header(r, "ce_type") + " " + string(rest), err
}

// Differs returns where a life is not like another, "" where it is.
func (l Life) Differs(from Life) string {
	places := maps.Clone(l)
	maps.Copy(places, from)
	for _, place := range slices.Sorted(maps.Keys(places)) {
		if l[place] != from[place] {
			return fmt.Sprintf("%s is %q, not %q", place, l[place], from[place])
		}
	}
	return ""
}
