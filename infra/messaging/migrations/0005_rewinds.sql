-- +schema expands
-- +goose Up

-- What operators let be read again, for ever. target is the wish: "beginning", a time or an offset. moves are the positions that went
-- back: [{"topic": …, "partition": …, "from": …, "to": …, "log_start": …}]; log_start is what the log still held then, so that a to
-- equal to it tells that earlier records, if there were any, were gone. key is the operator's, for a wish that may come again.
CREATE TABLE rewinds (
    id       bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    "group"  text        NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    operator text        NOT NULL,
    reason   text        NOT NULL CHECK (reason <> ''),
    key      text        NOT NULL,
    target   text        NOT NULL,
    moves    jsonb       NOT NULL
);
CREATE UNIQUE INDEX rewinds_wish ON rewinds ("group", operator, key) WHERE key <> '';

-- +goose Down
DROP TABLE rewinds;
