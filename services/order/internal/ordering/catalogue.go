package ordering

import "ordersaga.internal/contracts"

// Product is one row of the catalogue.
type Product struct {
	SKU       string
	Name      string
	UnitPrice contracts.Money
}

// Catalogue holds the products that a batch needs, by SKU.
type Catalogue map[string]Product
