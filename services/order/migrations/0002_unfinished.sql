-- +schema expands
-- +goose Up

-- How many orders have not ended: the sum of n. Each transaction adds what it changes to the lane of its own connection, so that
-- none waits for another. Kept by triggers: so it is right whatever version of the program writes, and from the first moment on.
CREATE TABLE orders_unfinished (
    lane integer PRIMARY KEY,
    n    bigint  NOT NULL -- may be negative: an order ends in another lane than it began in
) WITH (fillfactor = 20);

-- +goose StatementBegin
CREATE FUNCTION count_unfinished() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change bigint := 0;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        change := change + (SELECT count(*) FROM after WHERE status = 'placed');
    END IF;
    IF TG_OP <> 'INSERT' THEN
        change := change - (SELECT count(*) FROM before WHERE status = 'placed');
    END IF;
    IF change <> 0 THEN
        INSERT INTO orders_unfinished AS u VALUES (pg_backend_pid() % 256, change)
        ON CONFLICT (lane) DO UPDATE SET n = u.n + excluded.n;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER count_inserted AFTER INSERT ON orders
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION count_unfinished();
CREATE TRIGGER count_updated AFTER UPDATE ON orders
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION count_unfinished();
CREATE TRIGGER count_deleted AFTER DELETE ON orders
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION count_unfinished();

-- The triggers keep writers out until this transaction ends: what is there now is counted once.
INSERT INTO orders_unfinished SELECT -1, count(*) FROM orders WHERE status = 'placed';

-- +goose Down
DROP TRIGGER count_deleted ON orders;
DROP TRIGGER count_updated ON orders;
DROP TRIGGER count_inserted ON orders;
DROP FUNCTION count_unfinished;
DROP TABLE orders_unfinished;
