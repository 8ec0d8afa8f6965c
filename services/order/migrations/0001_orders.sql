-- +schema expands
-- +goose Up

-- An order, which is also what its Idempotency-Key stands for, for ever: fingerprint is the SHA-256 of the request's
-- body. Only status, cancellation, step, reason, finished_at and version ever change; none of them is indexed and pages
-- keep room, so that a change touches no index.
CREATE TABLE orders (
    order_id        uuid        PRIMARY KEY, -- UUIDv7: newest last
    customer_id     text        NOT NULL COLLATE "C",
    idempotency_key text        NOT NULL COLLATE "C",
    fingerprint     bytea       NOT NULL CHECK (length(fingerprint) = 32),
    lines           jsonb       NOT NULL, -- [{sku, quantity, unit_price: {amount_minor, currency}}]
    total_minor     bigint      NOT NULL CHECK (total_minor >= 0),
    currency        text        NOT NULL CHECK (length(currency) = 3),
    payment_method  text        NOT NULL,
    ship_to         text        NOT NULL,
    status          text        NOT NULL CHECK (status IN ('placed', 'completed', 'rejected', 'cancelled')),
    cancellation    text        NOT NULL CHECK (cancellation IN ('none', 'requested', 'declined')),
    step            text        NOT NULL DEFAULT '',
    reason          text        NOT NULL DEFAULT '',
    placed_at       timestamptz NOT NULL,
    finished_at     timestamptz,
    version         bigint      NOT NULL CHECK (version > 0),
    UNIQUE (idempotency_key, customer_id),
    CHECK ((status = 'placed') = (finished_at IS NULL)),
    CHECK ((status = 'rejected') = (reason <> '')),
    CHECK (cancellation <> 'declined' OR status IN ('completed', 'rejected'))
) WITH (fillfactor = 80);

CREATE INDEX orders_of_customer ON orders (customer_id, order_id);

-- The catalogue. Orders keep the price that they were placed at.
CREATE TABLE products (
    sku         text   PRIMARY KEY COLLATE "C",
    name        text   NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    currency    text   NOT NULL CHECK (length(currency) = 3)
);

-- +goose Down
DROP TABLE products;
DROP TABLE orders;
