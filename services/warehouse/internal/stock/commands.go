package stock

import (
	"errors"
	"fmt"
	"maps"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
)

// ErrNonsense is the error of a command that no stock could make right.
var ErrNonsense = errors.New("command makes no sense")

// Reserve holds every line of the order, or none: a refusal lists every shortage. Errors: ErrNonsense.
func Reserve(levels *Levels, holds *Holds, c contracts.ReserveStock) (any, error) {
	if err := checkLines(c.Lines); err != nil {
		return nil, fmt.Errorf("reserve stock: %w", err)
	}
	if _, held := holds.Get(c.OrderID); held {
		return nil, fmt.Errorf("reserve stock: %w: the order has a hold already", ErrNonsense)
	}
	var shortages []contracts.Shortage
	for _, line := range c.Lines {
		if level, _ := levels.Get(line.SKU); level.OnHand < int64(line.Quantity) {
			shortages = append(shortages, contracts.Shortage{
				SKU: line.SKU, Requested: line.Quantity, Available: int(level.OnHand),
			})
		}
	}
	if shortages != nil {
		return contracts.StockReservationRefused{
			OrderID: c.OrderID, Reason: contracts.ReasonOutOfStock, Shortages: shortages,
		}, nil
	}
	for _, line := range c.Lines {
		levels.change(line.SKU, func(l *Level) {
			l.OnHand -= int64(line.Quantity)
			l.Reserved += int64(line.Quantity)
		})
	}
	holds.put(Hold{OrderID: c.OrderID, State: Held, Lines: c.Lines})
	return contracts.StockReserved{OrderID: c.OrderID}, nil
}

// Release frees what the order holds. Where it holds nothing, there is nothing to undo, and the answer is the same.
func Release(levels *Levels, holds *Holds, c contracts.ReleaseStock) (any, error) {
	if hold, ok := holds.Get(c.OrderID); ok && hold.State == Held {
		for _, line := range hold.Lines {
			levels.change(line.SKU, func(l *Level) {
				l.Reserved -= int64(line.Quantity)
				l.OnHand += int64(line.Quantity)
			})
		}
		hold.State = Released
		holds.put(hold)
	}
	return contracts.StockReleased{OrderID: c.OrderID}, nil //nolint:staticcheck // command and event only look alike
}

// Dispatch picks what the order holds and hands it over. Who picks meets damaged units first: those are written off and
// leave the hold, nothing is handed over, and the rest stays held until it is released. Errors: ErrNonsense, if the
// command asks for other goods than the order holds.
func Dispatch(levels *Levels, holds *Holds, c contracts.DispatchOrder) (any, error) {
	hold, ok := holds.Get(c.OrderID)
	switch {
	case !ok:
		return contracts.DispatchRefused{OrderID: c.OrderID, Reason: contracts.ReasonOutOfStock}, nil
	case hold.State == Released:
		return contracts.DispatchRefused{OrderID: c.OrderID, Reason: contracts.ReasonSuperseded}, nil
	case hold.State == Dispatched:
		return nil, fmt.Errorf("dispatch: %w: the order was dispatched already", ErrNonsense)
	case !sameLines(hold.Lines, c.Lines):
		return nil, fmt.Errorf("dispatch: %w: its lines are not what the order holds", ErrNonsense)
	}
	if rest, damaged := pick(levels, hold.Lines); damaged {
		hold.Lines = rest
		holds.put(hold)
		return contracts.DispatchRefused{OrderID: c.OrderID, Reason: contracts.ReasonDamaged}, nil
	}
	for _, line := range hold.Lines {
		levels.change(line.SKU, func(l *Level) {
			l.Reserved -= int64(line.Quantity)
			l.Dispatched += int64(line.Quantity)
		})
	}
	hold.State = Dispatched
	holds.put(hold)
	return contracts.OrderDispatched{OrderID: c.OrderID, ShipmentID: ShipmentID(c.OrderID)}, nil
}

// pick writes the damaged units among the lines off and returns what is left of the lines, and whether any was damaged.
func pick(levels *Levels, lines []contracts.Line) (rest []contracts.Line, damaged bool) {
	rest = make([]contracts.Line, 0, len(lines))
	for _, line := range lines {
		level, _ := levels.Get(line.SKU)
		found := min(level.Damaged, int64(line.Quantity))
		if found > 0 {
			damaged = true
			levels.change(line.SKU, func(l *Level) {
				l.Damaged -= found
				l.Reserved -= found
				l.WrittenOff += found
			})
			line.Quantity -= int(found)
		}
		if line.Quantity > 0 {
			rest = append(rest, line)
		}
	}
	return rest, damaged
}

// ShipmentID is the id of an order's one shipment: derived, not drawn, so that a repeated decision names the same parcel.
func ShipmentID(order uuid.UUID) string { return uuid.NewSHA1(order, []byte("shipment")).String() }

func checkLines(lines []contracts.Line) error {
	if len(lines) == 0 {
		return fmt.Errorf("%w: no lines", ErrNonsense)
	}
	seen := make(map[string]struct{}, len(lines))
	for _, line := range lines {
		if _, twice := seen[line.SKU]; twice {
			return fmt.Errorf("%w: SKU %q twice", ErrNonsense, line.SKU)
		}
		seen[line.SKU] = struct{}{}
		if line.SKU == "" || line.Quantity < 1 || line.Quantity > maxQuantity {
			return fmt.Errorf("%w: %d units of SKU %q", ErrNonsense, line.Quantity, line.SKU)
		}
	}
	return nil
}

// maxQuantity is the largest quantity of a line, as the contract says.
const maxQuantity = 1000

// sameLines tells whether a and b name the same quantities, in any order.
func sameLines(a, b []contracts.Line) bool {
	return len(a) == len(b) && maps.Equal(quantities(a), quantities(b))
}

func quantities(lines []contracts.Line) map[string]int {
	out := make(map[string]int, len(lines))
	for _, line := range lines {
		out[line.SKU] = line.Quantity
	}
	return out
}
