-- +schema expands
-- +goose Up

-- month_floor is the lowest UUIDv7 of the month that t is in. t is UTC.
-- +goose StatementBegin
CREATE FUNCTION month_floor(t timestamp) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM date_trunc('month', t)) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;
-- +goose StatementEnd

-- make_partitions makes the missing months' partitions of instance and history, from "past" months ago to "ahead" months
-- from now. A month is attached, not created in place, so that readers and writers are not locked out meanwhile; a month
-- that is older than the oldest one here is left alone when there are later ones, because somebody detached it.
-- It runs as the owner: the run role may not change the schema. search_path is pinned below.
-- +goose StatementBegin
CREATE FUNCTION make_partitions(past integer, ahead integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    parent text;
    child  text;
    t      timestamp; -- UTC
    oldest uuid;
BEGIN
    IF past NOT BETWEEN 0 AND 120 OR ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'past must be 0 to 120 months, ahead 0 to 24';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.make_partitions', 0));
    FOREACH parent IN ARRAY ARRAY['instance', 'history'] LOOP
        SELECT min(lower_bound::text)::uuid INTO oldest FROM partition_bounds WHERE parent_name = parent;
        FOR m IN -past .. ahead LOOP
            t := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => m);
            child := parent || to_char(t, '_YYYY_MM');
            CONTINUE WHEN to_regclass(format('%I.%I', current_schema(), child)) IS NOT NULL OR month_floor(t) < oldest;
            EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING ALL) WITH (%s)', current_schema(), child,
                current_schema(), parent, CASE parent
                    -- Orders that were placed together move together: a page holds the old and the new version of each.
                    WHEN 'instance' THEN 'fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05'
                    ELSE 'fillfactor = 100' END);
            EXECUTE format('ALTER TABLE %I.%I ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)', current_schema(), parent,
                current_schema(), child, month_floor(t), month_floor(t + interval '1 month'));
        END LOOP;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- partition_bounds is what is kept: a row for each attached month of each table, upper_bound being the first id beyond.
CREATE VIEW partition_bounds AS
SELECT p.relname::text AS parent_name, c.relname::text AS name,
    (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([0-9a-f-]{36})''\)'))[1]::uuid AS lower_bound,
    (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([0-9a-f-]{36})''\)'))[1]::uuid AS upper_bound
FROM pg_inherits i
JOIN pg_class p ON p.oid = i.inhparent
JOIN pg_class c ON c.oid = i.inhrelid
WHERE p.oid IN ('instance'::regclass, 'history'::regclass);

-- A function that runs as its owner must not find its tables where its caller wants. pg_catalog comes first by itself.
-- +goose StatementBegin
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION make_partitions(integer, integer) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION month_floor(timestamp) SET search_path = %I, pg_temp', current_schema());
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION make_partitions(integer, integer) FROM PUBLIC;

-- +goose Down
DROP VIEW partition_bounds;
DROP FUNCTION make_partitions(integer, integer);
DROP FUNCTION month_floor(timestamp);
