-- +schema expands
-- +goose Up

-- A stream is one partition of one topic, as far as its offsets count on without a break: what was read of it is one hash
-- chain (docs/decisions/0001-the-hash-chain.md), and where to read on stands beside it, in one transaction with the
-- records. next is the offset to read next, epoch the leader epoch of the last record read (-1: none yet), owner the
-- consumer that may move the row. chain is the hash after the record below next. day and tail are of the records since
-- the last checkpoint: all of one day, tail of them.
--
-- Of a topic and partition the newest stream is the one that is read on. `archive resume` begins another, with a reason,
-- where a log was cut off or made again; nothing else ever does, after the first.
CREATE TABLE stream (
    stream      smallint    GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text        NOT NULL, -- without prefix
    partition   integer     NOT NULL CHECK (partition >= 0),
    topic_id    uuid        NOT NULL,
    begins      bigint      NOT NULL CHECK (begins >= 0), -- the first offset that was there to be read
    reason      text        CHECK (reason <> ''),         -- of the operator; null: the first of its partition
    next        bigint      NOT NULL CHECK (next >= begins),
    epoch       integer     NOT NULL,
    owner       text        NOT NULL,
    chain       bytea       NOT NULL CHECK (octet_length(chain) = 32),
    day         date,                                     -- null: no record yet
    tail        integer     NOT NULL CHECK (tail >= 0),
    records     bigint      NOT NULL CHECK (records >= tail),
    archived_at timestamptz                               -- the last of them
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX stream_place ON stream (topic, partition, stream);

-- What Kafka holds, byte for byte. The day is that of the broker's timestamp, so that it never changes.
CREATE TABLE record (
    appended_at timestamptz NOT NULL, -- the record's timestamp, LogAppendTime
    "offset"    bigint      NOT NULL,
    stream      smallint    NOT NULL,
    key         bytea,                -- null as in Kafka
    value       bytea,
    headers     bytea       NOT NULL, -- as the hash chain encodes them: see headers_of
    type        text,                 -- ce_type, to be found by; null: it has none that is text of up to 200 bytes
    PRIMARY KEY (stream, "offset", appended_at)
) PARTITION BY RANGE (appended_at);
-- A longer key does not fit into an index, and is no order's. See docs/decisions/0002-indexes.md.
CREATE INDEX record_key ON record (key) WHERE octet_length(key) <= 200;
CREATE INDEX record_type ON record (type, appended_at);
CREATE INDEX record_time ON record (appended_at);

-- Every some 1,000 records of a stream, and wherever the next is of another day: the chain's hash after the record below
-- next. records is how many came since the checkpoint before, all of one day. So what retention takes is whole intervals,
-- and the others still prove each other.
CREATE TABLE checkpoint (
    stream      smallint    NOT NULL,
    next        bigint      NOT NULL,
    day         date        NOT NULL,
    records     integer     NOT NULL CHECK (records > 0),
    chain       bytea       NOT NULL CHECK (octet_length(chain) = 32),
    archived_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, next)
);

-- The days whose records were given up: `archive retain` drops the day's partition after it said so here.
CREATE TABLE retired (
    day        date        NOT NULL,
    retired_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (day, retired_at)
);

-- The archive only grows. Rights keep the run role from more (grants.sql); this keeps its owner from mistakes.
-- +goose StatementBegin
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the archive only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON record FOR EACH STATEMENT EXECUTE FUNCTION refuse();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint FOR EACH STATEMENT EXECUTE FUNCTION refuse();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON retired FOR EACH STATEMENT EXECUTE FUNCTION refuse();
CREATE TRIGGER never_ends BEFORE DELETE OR TRUNCATE ON stream FOR EACH STATEMENT EXECUTE FUNCTION refuse();

-- day_partitions is the days that are kept, and their tables.
CREATE VIEW day_partitions AS
SELECT to_date(right(c.relname, 10), 'YYYY_MM_DD') AS day, c.relname::text AS name, i.inhdetachpending AS leaving
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'record'::regclass;

-- make_days makes the missing partitions. They are attached, not created in place, so that nobody is locked out meanwhile.
-- It runs as the owner: the run role may not change the schema.
-- +goose StatementBegin
CREATE FUNCTION make_days(days date[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    d     date;
    child text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.make_days', 0));
    FOREACH d IN ARRAY days LOOP
        child := 'record_' || to_char(d, 'YYYY_MM_DD');
        CONTINUE WHEN EXISTS (SELECT FROM day_partitions WHERE name = child);
        EXECUTE format('CREATE TABLE %I (LIKE record INCLUDING ALL)', child);
        EXECUTE format('CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse()', child);
        EXECUTE format('ALTER TABLE record ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', child,
            d::timestamp AT TIME ZONE 'UTC', (d + 1)::timestamp AT TIME ZONE 'UTC');
    END LOOP;
END
$$;
-- +goose StatementEnd

-- headers_of is a record's headers for people: SELECT h.* FROM record, headers_of(headers) AS h WHERE …
-- +goose StatementBegin
CREATE FUNCTION headers_of(encoded bytea) RETURNS TABLE (key text, value bytea) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    at integer := 4; -- behind the count
    n  integer;
BEGIN
    WHILE at < octet_length(encoded) LOOP
        n := ('x' || encode(substring(encoded FROM at + 1 FOR 4), 'hex'))::bit(32)::integer;
        key := encode(substring(encoded FROM at + 5 FOR n), 'escape');
        at := at + 4 + n;
        n := ('x' || encode(substring(encoded FROM at + 1 FOR 4), 'hex'))::bit(32)::integer;
        value := CASE WHEN n >= 0 THEN substring(encoded FROM at + 5 FOR n) END;
        at := at + 4 + greatest(n, 0);
        RETURN NEXT;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- A function that runs as its owner must not find its tables where its caller wants. pg_catalog comes first by itself.
-- +goose StatementBegin
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION make_days(date[]) SET search_path = %I, pg_temp', current_schema());
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION make_days(date[]) FROM PUBLIC;

-- +goose Down
DROP FUNCTION headers_of(bytea);
DROP FUNCTION make_days(date[]);
DROP VIEW day_partitions;
DROP TABLE retired;
DROP TABLE checkpoint;
DROP TABLE record;
DROP TABLE stream;
DROP FUNCTION refuse();
