package contracts_test

import (
	"reflect"
	"testing"

	"ordersaga.internal/contracts"
)

// A reader gets the newest version of what was written in an older one, and a reader that cannot follow what it knows.
func TestVersionsLeadToEachOther(t *testing.T) {
	t.Parallel()
	eur := func(minor int64) contracts.Money { return contracts.Money{AmountMinor: minor, Currency: "EUR"} }
	one := contracts.OrderPlaced{
		CustomerID: "alice", Total: eur(3998), PaymentMethod: "pm_ok", ShipTo: "addr-1",
		Lines: []contracts.PricedLine{{SKU: "SKU-0001", Quantity: 2, UnitPrice: eur(1999)}},
	}
	two := contracts.OrderPlacedV2{
		CustomerID: "alice", PaymentMethod: "pm_ok", ShipTo: "addr-1", Lines: one.Lines,
		Price: contracts.Price{Goods: eur(3998), Shipping: eur(0), Total: eur(3998)},
	}
	registry := contracts.NewRegistry()
	for _, written := range []contracts.Message{one, two} {
		wireType, topic, data, err := registry.Encode(written)
		if err != nil || wireType != written.WireType() || topic != contracts.OrderEvents {
			t.Fatalf("%s on %s, %v", wireType, topic, err)
		}
		read, err := registry.Decode(wireType, data)
		if err != nil || !reflect.DeepEqual(read, two) {
			t.Errorf("%s is read as %+v, %v", wireType, read, err)
		}
	}
	if back := two.Downcast(); !reflect.DeepEqual(back, one) {
		t.Errorf("version 1 of it is %+v", back)
	}
	two.Price.Shipping, two.Price.Total = eur(490), eur(4488)
	if back := two.Downcast(); back.Total != eur(4488) {
		t.Errorf("version 1 has %v to pay", back.Total)
	}
}

// Every version but the newest leads to another one of its name.
func TestOldVersionsLeadToTheNext(t *testing.T) {
	t.Parallel()
	entries := map[string]contracts.Entry{}
	for _, e := range contracts.Entries() {
		entries[e.Type] = e
	}
	newest := map[string]string{}
	for _, e := range contracts.Entries() {
		for e.Next != "" {
			next, ok := entries[e.Next]
			if !ok || next.Topic != e.Topic {
				t.Fatalf("%s leads to %q, which is not on its topic", e.Type, e.Next)
			}
			e = next
		}
		name := e.Type[:len(e.Type)-len(".v1")]
		if newest[name] != "" && newest[name] != e.Type {
			t.Errorf("both %s and %s are the newest", newest[name], e.Type)
		}
		newest[name] = e.Type
	}
}
