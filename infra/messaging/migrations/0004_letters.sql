-- +schema expands
-- +goose Up

-- What an operator wants to know of a letter. Programs of before write none of it.
ALTER TABLE dead_letters
    DROP CONSTRAINT dead_letters_reason_check,
    ADD CONSTRAINT dead_letters_reason_check CHECK (reason IN
        ('undecidable', 'unreadable', 'unknown type', 'null value', 'too large', 'bad key', 'poison', 'behind')),
    ADD COLUMN class     text        NOT NULL DEFAULT '', -- of the error: "SQLSTATE 23514", "panic", a Go type
    ADD COLUMN stack     text        NOT NULL DEFAULT '', -- of a panic
    ADD COLUMN tries     integer     NOT NULL DEFAULT 1,  -- how often it was tried, redriving included; 0: it only waits
    ADD COLUMN tried_at  timestamptz,                     -- when it was redriven last
    ADD COLUMN trace_id  text        NOT NULL DEFAULT '',
    ADD COLUMN edited_at timestamptz;                     -- by an operator; the audit keeps what it was

-- What operators did to dead letters, for ever. before and after are a letter's bytes where the wish changed them; place is
-- where its record lies, so that a rewind does not bring back what was discarded, or what was wrong with what was edited.
-- place and bytes are null where the wish was to redrive. key is the operator's, for a wish that may come again.
CREATE TABLE dead_letter_audit (
    id             bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    "group"        text        NOT NULL,
    at             timestamptz NOT NULL DEFAULT now(),
    operator       text        NOT NULL,
    action         text        NOT NULL CHECK (action IN ('redrive', 'edit', 'discard')),
    reason         text        NOT NULL CHECK (reason <> ''),
    key            text        NOT NULL,
    letter_id      bigint      NOT NULL,
    subject        uuid,
    topic          text        NOT NULL,
    topic_id       uuid        NOT NULL,
    partition      integer     NOT NULL,
    "offset"       bigint      NOT NULL,
    type           text        NOT NULL,
    handled        integer     NOT NULL DEFAULT 0, -- letters of a redrive, so far
    ended          bool        NOT NULL,           -- false: a redrive that may go on when its wish comes again
    before_key     bytea,
    before_value   bytea,
    before_headers jsonb,
    after_key      bytea,
    after_value    bytea,
    after_headers  jsonb
);
CREATE UNIQUE INDEX dead_letter_audit_wish ON dead_letter_audit ("group", operator, action, letter_id, key) WHERE key <> '';
CREATE INDEX dead_letter_audit_place ON dead_letter_audit ("group", topic, partition, "offset") WHERE action <> 'redrive';
CREATE INDEX dead_letter_audit_subject ON dead_letter_audit ("group", subject, id);

-- A copy of a dead letter on its way to <topic>.dlq: {"key": base64, "value": base64, "headers": [{"key": …, "value": base64}]}.
-- Null: a message, whose record is made of the other columns.
ALTER TABLE outbox ADD COLUMN record json;

-- +goose Down
ALTER TABLE outbox DROP COLUMN record;
DROP TABLE dead_letter_audit;
ALTER TABLE dead_letters
    DROP COLUMN class, DROP COLUMN stack, DROP COLUMN tries, DROP COLUMN tried_at, DROP COLUMN trace_id, DROP COLUMN edited_at;
