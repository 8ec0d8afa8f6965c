package screen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Body spells a message's JSON object on one line, without the order's id: "amount=19.98 EUR lines=2×SKU-0500".
func Body(data []byte) string {
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return string(data)
	}
	var out []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return string(data)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return string(data)
		}
		if name != "order_id" {
			out = append(out, fmt.Sprintf("%s=%s", name, spell(value)))
		}
	}
	return strings.Join(out, " ")
}

func spell(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var money struct {
		Minor    *int64 `json:"amount_minor"`
		Currency string `json:"currency"`
	}
	if json.Unmarshal(value, &money) == nil && money.Minor != nil {
		return Money(*money.Minor, money.Currency)
	}
	var lines []struct {
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	}
	if json.Unmarshal(value, &lines) == nil && len(lines) > 0 && lines[0].SKU != "" && lines[0].Quantity > 0 {
		all := make([]string, 0, len(lines))
		for _, l := range lines {
			all = append(all, fmt.Sprintf("%d×%s", l.Quantity, l.SKU))
		}
		return strings.Join(all, ",")
	}
	return string(value)
}

// Money spells an amount of a currency with cents, as every one here has them.
func Money(minor int64, currency string) string {
	return fmt.Sprintf("%d.%02d %s", minor/100, minor%100, currency)
}
