package participant

import (
	"slices"
	"time"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/services/warehouse/internal/stock"
)

// Batch is all that one transaction touches.
type Batch struct {
	fence     *messaging.Fence
	levels    *stock.Levels
	holds     *stock.Holds
	journal   *stock.Journal
	changedAt time.Time // of every change of the batch
	tally     tally
}

func (b *Batch) change(c *Change, now time.Time) error {
	level, err := stock.Apply(b.levels, b.journal, c.Change)
	if err != nil {
		return err
	}
	c.Level, b.changedAt = level, now
	return nil
}

// counted remembers for the metrics what an answer says. It is called once for each that is new.
func (b *Batch) counted(answer any, err error) (any, error) {
	switch a := answer.(type) {
	case contracts.StockReserved:
		b.tally.reserved++
	case contracts.StockReservationRefused:
		b.tally.refused++
	case contracts.StockReleased:
		b.tally.released++
	case contracts.OrderDispatched:
		b.tally.dispatched++
	case contracts.DispatchRefused:
		if a.Reason == contracts.ReasonDamaged {
			b.tally.damaged++
		} else {
			b.tally.notHeld++
		}
	}
	return answer, err
}

// split tells what concerns orders from what operators submitted.
func split(in []messaging.Message) (commands []messaging.Message, refs []stock.Ref) {
	for _, m := range in {
		if c, ok := m.Body.(*Change); ok {
			refs = append(refs, c.Ref())
		} else {
			commands = append(commands, m)
		}
	}
	return commands, refs
}

// skus returns each SKU that the messages or the holds name, once, sorted as the database sorts them.
func skus(in []messaging.Message, holds []stock.Hold) []string {
	seen := map[string]struct{}{}
	add := func(lines []contracts.Line) {
		for _, line := range lines {
			seen[line.SKU] = struct{}{}
		}
	}
	for _, m := range in {
		switch c := m.Body.(type) {
		case contracts.ReserveStock:
			add(c.Lines)
		case *Change:
			seen[c.SKU] = struct{}{}
		}
	}
	for _, h := range holds {
		if h.State == stock.Held {
			add(h.Lines)
		}
	}
	out := make([]string, 0, len(seen))
	for sku := range seen {
		out = append(out, sku)
	}
	slices.Sort(out)
	return out
}
