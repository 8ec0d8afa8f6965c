package ordering

import (
	"errors"
	"fmt"
	"strconv"

	"ordersaga.internal/contracts"
)

// price gives every line the catalogue's price of now, and returns what the goods come to. Errors: RepeatedSKU, UnknownSKU (each names every such line),
// MixedCurrencies, TotalTooLarge.
func price(lines []contracts.Line, c Catalogue) ([]contracts.PricedLine, contracts.Money, error) {
	if err := check(lines, c); err != nil {
		return nil, contracts.Money{}, err
	}
	priced := make([]contracts.PricedLine, len(lines))
	var total contracts.Money
	for i, line := range lines {
		unit := c[line.SKU].UnitPrice
		priced[i] = contracts.PricedLine{SKU: line.SKU, Quantity: line.Quantity, UnitPrice: unit}
		if i == 0 {
			total.Currency = unit.Currency
		}
		amount, err := unit.Times(line.Quantity)
		if err == nil {
			total, err = total.Add(amount)
		}
		switch {
		case errors.Is(err, contracts.ErrCurrencyMismatch):
			return nil, contracts.Money{}, &Error{
				Code: MixedCurrencies, Detail: "all products of an order must be priced in one currency",
				Faults: []Fault{{pointer(i), fmt.Sprintf("priced in %s, others in %s", unit.Currency, total.Currency)}},
			}
		case err != nil:
			return nil, contracts.Money{}, &Error{
				Code: TotalTooLarge, Detail: "the total is larger than can be paid",
				Faults: []Fault{{"/lines/" + strconv.Itoa(i) + "/quantity", err.Error()}},
			}
		}
	}
	return priced, total, nil
}

// check finds the lines that cannot be priced.
func check(lines []contracts.Line, c Catalogue) error {
	var repeated, unknown []Fault
	seen := make(map[string]int, len(lines))
	for i, line := range lines {
		if first, ok := seen[line.SKU]; ok {
			repeated = append(repeated, Fault{pointer(i), fmt.Sprintf("%s is ordered by line %d already", line.SKU, first)})
			continue
		}
		seen[line.SKU] = i
		if _, ok := c[line.SKU]; !ok {
			unknown = append(unknown, Fault{pointer(i), "no product " + line.SKU})
		}
	}
	switch {
	case repeated != nil:
		return &Error{Code: RepeatedSKU, Detail: "a product may be ordered by one line only", Faults: repeated}
	case unknown != nil:
		return &Error{Code: UnknownSKU, Detail: "the catalogue holds no such product", Faults: unknown}
	}
	return nil
}

func pointer(line int) string { return "/lines/" + strconv.Itoa(line) + "/sku" }
