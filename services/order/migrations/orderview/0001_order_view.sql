-- +schema expands
-- +goose Up

-- The read model: an order as the three services' events tell it (services/order/internal/view). Each column is written by
-- one kind of event, the versions are the highest ce_sequence applied of each source. Nothing here depends on when it was
-- written: the same events make the same row, byte for byte. A row without placed_at is not shown.
--
-- A generation is one whole read model, a partition of its own. Rebuilding makes another beside the live one and moves the
-- pointer.
CREATE TABLE order_view (
    generation                integer NOT NULL,
    order_id                  uuid    NOT NULL,
    order_version             bigint  NOT NULL,
    payment_version           bigint  NOT NULL,
    warehouse_version         bigint  NOT NULL,
    placed_at                 timestamptz,
    cancellation_requested_at timestamptz,
    cancellation_declined_at  timestamptz,
    completed_at              timestamptz,
    rejected_at               timestamptz,
    cancelled_at              timestamptz,
    authorized_at             timestamptz,
    declined_at               timestamptz,
    captured_at               timestamptz,
    capture_refused_at        timestamptz,
    voided_at                 timestamptz,
    void_failed_at            timestamptz,
    refunded_at               timestamptz,
    refund_failed_at          timestamptz,
    reserved_at               timestamptz,
    reservation_refused_at    timestamptz,
    released_at               timestamptz,
    dispatched_at             timestamptz,
    dispatch_refused_at       timestamptz,
    customer_id               text    NOT NULL, -- '' and 0: its event has not come
    total_minor               bigint  NOT NULL,
    total_currency            text    NOT NULL,
    rejected_step             text    NOT NULL,
    rejected_reason           text    NOT NULL,
    authorized_minor          bigint  NOT NULL,
    authorized_currency       text    NOT NULL,
    captured_minor            bigint  NOT NULL,
    captured_currency         text    NOT NULL,
    voided_minor              bigint  NOT NULL,
    voided_currency           text    NOT NULL,
    refunded_minor            bigint  NOT NULL,
    refunded_currency         text    NOT NULL,
    reservation_refusal       text    NOT NULL,
    decline                   text    NOT NULL,
    capture_refusal           text    NOT NULL,
    dispatch_refusal          text    NOT NULL,
    shipment_id               text    NOT NULL,
    PRIMARY KEY (order_id, generation) -- in this order, or plans made while it is small scan a whole generation
) PARTITION BY LIST (generation);

-- Pages keep room, so that a change touches no index.
CREATE TABLE order_view_1 PARTITION OF order_view FOR VALUES IN (1) WITH (fillfactor = 70);

-- Which generation is read and written. Each batch of the consumer locks the table in ROW SHARE mode; who moves the pointer
-- locks it in EXCLUSIVE mode, which waits for the batches and lets readers through.
CREATE TABLE live (
    one        boolean     PRIMARY KEY DEFAULT true CHECK (one),
    generation integer     NOT NULL,
    since      timestamptz NOT NULL
);
INSERT INTO live VALUES (true, 1, now());

-- Everything that was in the log of a partition at as_of is in the read model.
CREATE TABLE freshness (
    partition integer     PRIMARY KEY,
    as_of     timestamptz NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- +goose Down
DROP TABLE freshness;
DROP TABLE live;
DROP TABLE order_view;
