-- +schema expands
-- +goose Up

-- A participant's memory of what it did, or refused, for each (subject, operation), for ever: see Fence. The highest
-- answer_sequence of a subject is what its next message counts from.
CREATE TABLE fence (
    subject         uuid   NOT NULL,
    operation       text   NOT NULL, -- 'events' counts the events that answer no command
    undo            bool   NOT NULL,
    state           text   NOT NULL CHECK (state IN ('open', 'answered', 'failed', 'closed', 'superseded', 'counter')),
    command_id      uuid,
    attempt         int    NOT NULL, -- the highest seen
    traceparent     text   NOT NULL, -- of the command
    tracestate      text   NOT NULL,
    answer_sequence bigint NOT NULL, -- 0 while there was none
    answer_type     text   NOT NULL,
    answer_topic    text   NOT NULL,
    answer_time     timestamptz,
    answer_data     text   NOT NULL, -- JSON, byte for byte
    PRIMARY KEY (subject, operation, undo),
    CHECK ((state = 'counter') = (command_id IS NULL)),
    CHECK (state NOT IN ('answered', 'failed', 'superseded') OR answer_time IS NOT NULL)
) WITH (fillfactor = 90);

-- +goose Down
DROP TABLE fence;
