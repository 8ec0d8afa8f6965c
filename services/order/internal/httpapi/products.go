package httpapi

import (
	"context"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/order/internal/ordering"
)

// ListProducts returns a page of the catalogue, by SKU.
func (a *API) ListProducts(ctx context.Context, r ListProductsRequestObject) (ListProductsResponseObject, error) {
	after, limit := deref(r.Params.Cursor), pageSize(r.Params.Limit)
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	products, err := a.Products.Products(ctx, after, limit+1)
	if err != nil {
		return nil, err
	}
	page := ListProducts200JSONResponse{Items: make([]Product, 0, min(limit, len(products)))}
	if len(products) > limit {
		products = products[:limit]
		next := products[limit-1].SKU
		page.NextCursor = &next
	}
	for _, p := range products {
		page.Items = append(page.Items, toProduct(p))
	}
	return page, nil
}

// GetProduct returns one product.
func (a *API) GetProduct(ctx context.Context, r GetProductRequestObject) (GetProductResponseObject, error) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	p, err := a.Products.Product(ctx, r.Sku)
	if err != nil {
		return nil, err
	}
	return GetProduct200JSONResponse(toProduct(p)), nil
}

// PutProduct adds a product or changes its name and price.
func (a *API) PutProduct(ctx context.Context, r PutProductRequestObject) (PutProductResponseObject, error) {
	p := ordering.Product{
		SKU: r.Sku, Name: r.Body.Name,
		UnitPrice: contracts.Money{
			AmountMinor: int64(r.Body.UnitPrice.AmountMinor), Currency: r.Body.UnitPrice.Currency,
		},
	}
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	added, err := a.Products.PutProduct(ctx, p)
	switch {
	case err != nil:
		return nil, err
	case added:
		return PutProduct201JSONResponse(toProduct(p)), nil
	}
	return PutProduct200JSONResponse(toProduct(p)), nil
}

func toProduct(p ordering.Product) Product {
	return Product{Sku: p.SKU, Name: p.Name, UnitPrice: toMoney(p.UnitPrice)}
}
