package poison

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/scripts/internal/load"
)

// Life is what was said of an order, without what names that order alone: for each source and sequence what appeared first.
type Life map[string]string

// own are the members of payloads that name an order, its customer or its parcel.
var own = []string{"order_id", "customer_id", "shipment_id"}

// LifeOf puts an order's records together, those of each topic in the log's order. Nothing may differ when it comes again.
func LifeOf(records []*kgo.Record) (Life, error) {
	life := Life{}
	for _, r := range records {
		sequence, err := strconv.ParseUint(load.Header(r, "ce_sequence"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: ce_sequence: %w", load.Name(r), r.Key, err)
		}
		var payload map[string]any
		if err := json.Unmarshal(r.Value, &payload); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", load.Name(r), r.Key, err)
		}
		for _, name := range own {
			delete(payload, name)
		}
		rest, err := json.Marshal(payload) // sorts the members
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", load.Name(r), r.Key, err)
		}
		said := strings.TrimSpace(load.Header(r, "ce_type") + " " + load.Header(r, "ce_attempt"))
		place := fmt.Sprintf("%s %d", load.Header(r, "ce_source"), sequence)
		said += " " + string(rest)
		if first, again := life[place]; again && first != said {
			return nil, fmt.Errorf("%s of %s was %s, and came again as %s", place, r.Key, first, said)
		}
		life[place] = said
	}
	return life, nil
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
