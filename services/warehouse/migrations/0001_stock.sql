-- +schema expands
-- +goose Up

-- What the warehouse knows of each SKU, in units. A thousand rows that all orders share: every batch updates some of
-- them, so pages are left mostly empty, new versions stay on their page (HOT), and nothing but the key is indexed.
CREATE TABLE stock (
    sku         text   COLLATE "C" PRIMARY KEY CHECK (length(sku) BETWEEN 1 AND 64),
    received    bigint NOT NULL CHECK (received >= 0),
    on_hand     bigint NOT NULL CHECK (on_hand >= 0),
    reserved    bigint NOT NULL CHECK (reserved >= 0),
    dispatched  bigint NOT NULL CHECK (dispatched >= 0),
    written_off bigint NOT NULL CHECK (written_off >= 0),
    damaged     bigint NOT NULL CHECK (damaged >= 0), -- among on_hand and reserved; not yet found
    CONSTRAINT stock_conserved CHECK (received = on_hand + reserved + dispatched + written_off),
    CONSTRAINT stock_damaged_is_there CHECK (damaged <= on_hand + reserved)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);

-- What each order holds, or held at last: for each SKU, reserved is the sum of the held ones and dispatched that of the
-- dispatched ones. A row is written twice, within seconds: half of each page is left for the second version.
CREATE TABLE holds (
    order_id uuid  PRIMARY KEY,
    state    text  NOT NULL CHECK (state IN ('held', 'released', 'dispatched')),
    lines    jsonb NOT NULL CHECK (jsonb_typeof(lines) = 'array'), -- [{"sku": "A-1", "quantity": 2}]
    CHECK (state <> 'dispatched' OR lines <> '[]')
) WITH (fillfactor = 50);

-- What operators told the warehouse: a journal, and the memory of idempotency keys, for ever. The last columns are the
-- level that the change led to, which is its answer.
CREATE TABLE changes (
    operator    text        NOT NULL,
    key         text        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('receipt', 'damage')),
    sku         text        NOT NULL,
    quantity    bigint      NOT NULL CHECK (quantity > 0),
    at          timestamptz NOT NULL,
    received    bigint      NOT NULL,
    on_hand     bigint      NOT NULL,
    reserved    bigint      NOT NULL,
    dispatched  bigint      NOT NULL,
    written_off bigint      NOT NULL,
    damaged     bigint      NOT NULL,
    PRIMARY KEY (operator, key)
);

-- +goose Down
DROP TABLE changes;
DROP TABLE holds;
DROP TABLE stock;
