package check

import "fmt"

// checkGoods holds the hold of an order against what the warehouse said of it (I2), and adds it to the shelf.
func (l *life) checkGoods(s *shelf) {
	p := l.first[orderPlaced]
	if p == nil {
		return // outcome.go
	}
	lines := p.words().Lines
	for _, line := range lines {
		s.price(l, p, line)
	}
	if l.first[reserveStock] != nil {
		for _, line := range lines {
			s.of(line.SKU).requested += line.Quantity
		}
	}
	l.checkShortages(s)
	for range l.count(orderDispatched) {
		for _, line := range lines {
			s.of(line.SKU).dispatched += line.Quantity
		}
	}
	if parcel := l.first[orderDispatched]; parcel != nil && l.first[stockReserved] == nil {
		l.violates(I2, "%s, but nothing was reserved for it", parcel)
	}
	l.checkHold(lines, s)
}

// checkHold compares the row with what it must be.
func (l *life) checkHold(lines []Line, s *shelf) {
	hold, reserved := l.rows.Hold, l.first[stockReserved]
	switch {
	case hold == nil && reserved == nil:
		return
	case hold == nil:
		l.violates(Effect, "%s, but the warehouse has no hold", reserved)
		return
	case reserved == nil:
		l.violates(Effect, "the warehouse has a hold (%s), but never said so", hold.State)
		return
	}
	want := "held"
	switch {
	case l.first[orderDispatched] != nil:
		want = "dispatched"
	case l.first[stockReleased] != nil:
		want = "released"
	}
	if hold.State != want {
		l.violates(Effect, "its hold is %s in the warehouse, but %s by what the warehouse said", hold.State, want)
	}
	if hold.State == "held" && l.end() != nil {
		l.violates(I2, "it ended, %s, but still holds stock", l.end())
	}
	refused := l.first[dispatchRefused]
	damaged := refused != nil && refused.words().Reason == "damaged"
	lost := minus(lines, hold.Lines)
	sum := int64(0)
	for _, line := range lost {
		sum += line.Quantity
		if line.Quantity < 0 || line.Quantity > 0 && !damaged {
			l.violates(Effect, "its hold has other quantities of %s than were placed: %d more", line.SKU, -line.Quantity)
		} else if line.Quantity > 0 {
			s.of(line.SKU).writtenOff += line.Quantity
		}
	}
	if damaged && sum <= 0 {
		l.violates(I2, "%s, but nothing of its hold was written off", refused)
	}
	if want == "held" {
		for _, line := range hold.Lines {
			s.of(line.SKU).held += line.Quantity
		}
	}
}

// checkShortages: who refuses says what is missing, and it may be missing.
func (l *life) checkShortages(s *shelf) {
	m := l.first[stockRefused]
	if m == nil || m.words().Reason == "superseded" {
		return
	}
	if m.words().Reason != "out_of_stock" || len(m.words().Shortages) == 0 {
		l.violates(I2, "%s says %s and names %d shortages", m, m.words().Reason, len(m.words().Shortages))
	}
	wanted := map[string]int64{}
	for _, line := range l.first[orderPlaced].words().Lines {
		wanted[line.SKU] = line.Quantity
	}
	for _, x := range m.words().Shortages {
		if x.Requested != wanted[x.SKU] || x.Available < 0 || x.Available >= x.Requested {
			l.violates(I2, "%s says that of %s %d were requested and %d available, but the order wants %d",
				m, x.SKU, x.Requested, x.Available, wanted[x.SKU])
		}
		if of := s.of(x.SKU); of.shortage == nil || x.Available < of.shortage.available {
			of.shortage = &claim{l.name, m.String(), m.at, x.Available}
		}
	}
}

// checkDispatchRefusal: goods are refused because they are damaged, or not there any more.
func (l *life) checkDispatchRefusal(s *shelf) {
	m := l.first[dispatchRefused]
	if m == nil || l.first[orderPlaced] == nil {
		return
	}
	reserved, released := l.first[stockReserved], l.first[stockReleased]
	switch reason := m.words().Reason; {
	case reason == "damaged":
		for _, line := range l.first[orderPlaced].words().Lines {
			if d := s.declared[line.SKU]; d != nil && d.damaged > 0 {
				return
			}
		}
		l.violates(I2, "%s says damaged, but no damage of its goods was declared", m)
	case reason == "out_of_stock" && reserved == nil, reason == "superseded" && released != nil && released.sequence < m.sequence:
	default:
		l.violates(I2, "%s says %s, but its goods were reserved", m, reason)
	}
}

// claim is what a refusal says of a SKU.
type claim struct {
	order, message string
	at             int64
	available      int64
}

func (c *claim) String() string { return fmt.Sprintf("order %s: %s", c.order, c.message) }
