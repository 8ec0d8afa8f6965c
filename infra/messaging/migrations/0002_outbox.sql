-- +schema expands
-- +goose Up

-- One row for each message that was decided and is not yet acknowledged by Kafka, in the shape that Debezium's event
-- router reads; time and sequence are spelled as their headers. Rows live for milliseconds: vacuum early, without
-- pause, and never give the pages back. Nothing is updated, so pages are filled.
CREATE TABLE outbox (
    id            bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY, -- drawn after the entity was locked
    aggregatetype text        NOT NULL, -- topic, without prefix
    aggregateid   uuid        NOT NULL, -- subject and key
    type          text        NOT NULL,
    payload       text        NOT NULL, -- JSON, byte for byte
    event_id      uuid        NOT NULL,
    source        text        NOT NULL,
    time          text        NOT NULL,
    sequence      text        NOT NULL,
    causationid   uuid,
    attempt       int,
    traceparent   text,
    tracestate    text,
    created_at    timestamptz NOT NULL DEFAULT now()
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000,
    autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off
);

-- Who publishes: one relay at a time. It is a matter of thrift, not of safety: a second one would only repeat messages.
CREATE TABLE relay_lease (
    one        bool PRIMARY KEY DEFAULT true CHECK (one),
    owner      text        NOT NULL, -- replica and process; '' after it was given back
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- +goose Down
DROP TABLE relay_lease;
DROP TABLE outbox;
