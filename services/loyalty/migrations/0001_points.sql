-- +schema expands
-- +goose Up

-- What each order is worth in points, and whether it was earned: the order completed. A customer's balance is a sum, never
-- a counter, so that a message that comes twice changes nothing.
CREATE TABLE points (
    order_id    uuid    PRIMARY KEY,
    customer_id text    NOT NULL,
    points      bigint  NOT NULL CHECK (points >= 0),
    earned      boolean NOT NULL
);
CREATE INDEX points_balance ON points (customer_id) INCLUDE (points) WHERE earned;

-- +goose Down
DROP TABLE points;
