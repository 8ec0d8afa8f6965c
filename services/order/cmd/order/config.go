package main

import (
	"errors"
	"fmt"
	"time"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/order/internal/admission"
	"ordersaga.internal/services/order/internal/backlog"
	"ordersaga.internal/services/order/internal/messages"
)

// config is every setting of the program. The environment is read into it and nowhere else.
type config struct {
	program.Common

	HTTPAddr  string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080" doc:"Where customers call."`
	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9101" doc:"Where /livez, /readyz, /metrics and /version are."`

	ViewURL string `env:"DATABASE_ORDERVIEW_URL" doc:"PostgreSQL URL of a role that reads the read model; without it orders are shown without payment, parcel and timeline."`
	Streams int    `env:"STREAMS_LIMIT" envDefault:"1000" doc:"Customers who follow an order, at which no more are let in."`

	Rate       float64 `env:"ADMISSION_RATE" envDefault:"0" doc:"Orders a second that this process takes, on average; 0: as many as come."`
	Burst      int     `env:"ADMISSION_BURST" envDefault:"0" doc:"Orders that it takes at once after a pause; 0: a tenth of ADMISSION_RATE."`
	Concurrent int     `env:"ADMISSION_CONCURRENT" envDefault:"1000" doc:"Requests to place an order at which no more are read."`
	Outbox     int     `env:"OUTBOX_LIMIT" envDefault:"100000" doc:"Messages waiting for the broker at which no more orders are taken."`
	Unfinished int     `env:"UNFINISHED_LIMIT" envDefault:"100000" doc:"Accepted orders without an end at which no more are taken."`

	PlacedVersion int   `env:"ORDER_PLACED_VERSION" envDefault:"1" doc:"Version in which OrderPlaced is published: 1, or 2 when every consumer reads it."`
	CopyUntil     date  `env:"ORDER_EVENTS_V1_UNTIL" doc:"Day, as 2027-03-31, or time (RFC 3339) at which order.events.v1 ends, the copy for consumers that know version 1 only; empty: there is none."`
	Shipping      int64 `env:"SHIPPING_FEE" envDefault:"0" doc:"What every order pays for shipping, in minor units of its currency."`
}

// Validate finds what the program could not work with.
func (c config) Validate() error {
	errs := []error{c.Common.Validate(), c.admission().Validate(), c.publishing().Validate()}
	if c.Outbox < 1 {
		errs = append(errs, errors.New("OUTBOX_LIMIT must be at least 1"))
	}
	if c.Streams < 1 {
		errs = append(errs, errors.New("STREAMS_LIMIT must be at least 1"))
	}
	if c.Unfinished < 1 {
		errs = append(errs, errors.New("UNFINISHED_LIMIT must be at least 1"))
	}
	return errors.Join(errs...)
}

func (c config) admission() admission.Limits {
	return admission.Limits{Rate: c.Rate, Burst: c.Burst, Concurrent: c.Concurrent}
}

func (c config) backlog() backlog.Limits {
	return backlog.Limits{Outbox: c.Outbox, Unfinished: c.Unfinished}
}

func (c config) publishing() messages.Publishing {
	return messages.Publishing{PlacedVersion: c.PlacedVersion, CopyUntil: time.Time(c.CopyUntil), Shipping: c.Shipping}
}

// date is a setting: the end of a day, UTC, or a moment.
type date time.Time

// UnmarshalText takes 2027-03-31, which lasts until the next day begins, or RFC 3339.
func (d *date) UnmarshalText(text []byte) error {
	if day, err := time.Parse(time.DateOnly, string(text)); err == nil {
		*d = date(day.AddDate(0, 0, 1))
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%q is neither a day (2027-03-31) nor a time (RFC 3339)", text)
	}
	*d = date(at)
	return nil
}
