package store

// Every statement addresses rows by key.
const (
	// Load.
	lockOrders = `
SELECT order_id, customer_id, status, cancellation, step, reason, finished_at, version
FROM orders WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE`

	// The LIMIT takes no row away: it tells the planner that k is short, so that it looks k's rows up by key. The
	// concatenation keeps it from reading all orders of a customer instead.
	// What a key stands for never changes, so it is not locked. A key that another transaction is about to take is found
	// by the unique constraint: the batch is tried again, and finds it here.
	selectRecords = `
SELECT ` + orderColumns + `, o.idempotency_key, o.fingerprint
FROM (SELECT * FROM unnest($1::text[], $2::text[]) AS k (customer_id, idempotency_key) LIMIT cardinality($1)) AS k
JOIN orders AS o ON o.idempotency_key = k.idempotency_key AND o.customer_id || '' = k.customer_id`

	// Not locked: an order that is placed while a price changes is placed as if it had come just before.
	selectPrices = `SELECT sku, name, price_minor, currency FROM products WHERE sku = ANY($1)`

	// Save.
	insertOrders = `
INSERT INTO orders (order_id, customer_id, idempotency_key, fingerprint, lines, total_minor, currency, payment_method,
                    ship_to, placed_at, status, cancellation, version)
SELECT order_id, customer_id, idempotency_key, fingerprint, lines::jsonb, total_minor, currency, payment_method,
       ship_to, placed_at, 'placed', 'none', 1
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::bigint[], $7::text[], $8::text[],
            $9::text[], $10::timestamptz[])
     AS n (order_id, customer_id, idempotency_key, fingerprint, lines, total_minor, currency, payment_method, ship_to,
           placed_at)`

	updateOrders = `
UPDATE orders AS o
SET status = n.status, cancellation = n.cancellation, step = n.step, reason = n.reason, finished_at = n.finished_at,
    version = n.version
FROM (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bigint[])
     AS n (order_id, status, cancellation, step, reason, finished_at, version) LIMIT cardinality($1)) AS n
WHERE o.order_id = n.order_id`

	// Reading.
	orderColumns = `o.order_id, o.customer_id, o.lines, o.total_minor, o.currency, o.payment_method, o.ship_to, o.placed_at,
       o.status, o.cancellation, o.step, o.reason, o.finished_at, o.version`

	selectOrder = `SELECT ` + orderColumns + ` FROM orders AS o WHERE o.order_id = $1 AND o.customer_id = $2`

	selectPage = `
SELECT ` + orderColumns + `
FROM orders AS o
WHERE o.customer_id = $1 AND o.order_id < $2 AND ($3 = '' OR o.status = $3)
ORDER BY o.order_id DESC LIMIT $4`

	selectStates = `
SELECT order_id, status, cancellation, step, reason, finished_at, version
FROM orders WHERE order_id = ANY($1)`

	// TrailSQL is an order as operators are told it: without what only its customer knows.
	TrailSQL = `
SELECT order_id, customer_id, lines, total_minor, currency, payment_method, ship_to, status, cancellation, step, reason,
    placed_at, finished_at, version
FROM orders WHERE order_id = $1`

	selectProduct = `SELECT sku, name, price_minor, currency FROM products WHERE sku = $1`

	selectProducts = `SELECT sku, name, price_minor, currency FROM products WHERE sku > $1 ORDER BY sku LIMIT $2`

	// xmax is 0 in a row that was inserted, not updated.
	putProduct = `
INSERT INTO products (sku, name, price_minor, currency) VALUES ($1, $2, $3, $4)
ON CONFLICT (sku) DO UPDATE SET name = excluded.name, price_minor = excluded.price_minor, currency = excluded.currency
RETURNING xmax = 0`

	// Of the outbox it stops counting at the limit.
	countBacklog = `
SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS o), (SELECT coalesce(sum(n), 0)::bigint FROM orders_unfinished)`

	// Reads the unique index alone.
	selectKeys = `
SELECT o.customer_id, o.idempotency_key
FROM (SELECT * FROM unnest($1::text[], $2::text[]) AS k (customer_id, idempotency_key) LIMIT cardinality($1)) AS k
JOIN orders AS o ON o.idempotency_key = k.idempotency_key AND o.customer_id || '' = k.customer_id`
)
