-- +schema expands
-- +goose Up

-- Where each group reads on, in one transaction with what the messages did. next is the offset to read next, epoch the
-- leader epoch of the last message read (-1: none yet), owner the worker that may move the row; topic_id notices a topic
-- that was deleted and made again. seen_at is when the owner last knew the whole log of the partition (deadlines only).
-- To rewind: see rewind.go; by hand: set next, epoch to -1 and owner to ''.
CREATE TABLE positions (
    "group"   text        NOT NULL,
    topic     text        NOT NULL, -- without prefix
    partition integer     NOT NULL CHECK (partition >= 0),
    topic_id  uuid        NOT NULL,
    next      bigint      NOT NULL CHECK (next >= 0),
    epoch     integer     NOT NULL,
    owner     text        NOT NULL,
    seen_at   timestamptz,
    PRIMARY KEY ("group", topic, partition)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- One row for each key that waits behind a dead letter. Divert and redrive lock it; it is deleted only when the key's
-- queue is empty, under that lock.
CREATE TABLE dead_letter_heads (
    "group"   text        NOT NULL,
    subject   uuid        NOT NULL,
    partition integer     NOT NULL,
    since     timestamptz NOT NULL,
    PRIMARY KEY ("group", subject)
);

-- The messages set aside, and those that came after them for the same key, in this order. subject is null where the
-- message names none: such a letter diverts nobody. Of one command (attempt > 0) only the newest attempt stays.
CREATE TABLE dead_letters (
    id         bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    "group"    text        NOT NULL,
    subject    uuid,
    topic      text        NOT NULL, -- without prefix
    topic_id   uuid        NOT NULL,
    partition  integer     NOT NULL,
    "offset"   bigint      NOT NULL,
    reason     text        NOT NULL CHECK (reason IN
        ('undecidable', 'unreadable', 'unknown type', 'null value', 'bad key', 'poison', 'behind')),
    error      text        NOT NULL,
    message_id uuid,
    type       text        NOT NULL,
    attempt    integer     NOT NULL,
    key        bytea,
    value      bytea,
    headers    jsonb       NOT NULL, -- [{"key": …, "value": base64}]: as on the wire
    written_at timestamptz NOT NULL, -- the record's timestamp
    dead_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (reason <> 'behind' OR subject IS NOT NULL),
    UNIQUE ("group", topic, topic_id, partition, "offset")
);
CREATE INDEX dead_letters_queue ON dead_letters ("group", subject, id);
CREATE UNIQUE INDEX dead_letters_command ON dead_letters ("group", message_id) WHERE attempt > 0;

-- +goose Down
DROP TABLE dead_letters;
DROP TABLE dead_letter_heads;
DROP TABLE positions;
