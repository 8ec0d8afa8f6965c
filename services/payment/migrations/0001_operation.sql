-- +schema expands
-- +goose Up
-- One row for each authorization and capture: what was asked for, what the provider did, and, while an answer of the
-- provider is wanted, who calls for it and from when on somebody else may.
CREATE TABLE operation (
    order_id       uuid        NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('authorization', 'capture')),
    state          text        NOT NULL CHECK (state IN ('intended', 'done', 'refused', 'undoing', 'undone', 'undo_failed')),
    command_id     uuid        NOT NULL,
    amount_minor   bigint      NOT NULL CHECK (amount_minor >= 0),
    currency       text        NOT NULL CHECK (length(currency) = 3),
    payment_method text        NOT NULL DEFAULT '',
    customer_id    text        NOT NULL DEFAULT '',
    target         text        NOT NULL DEFAULT '',
    settled        boolean     NOT NULL DEFAULT false,
    done_minor     bigint      NOT NULL DEFAULT 0 CHECK (done_minor >= 0),
    reference      text        NOT NULL DEFAULT '',
    reason         text        NOT NULL DEFAULT '',
    code           text        NOT NULL DEFAULT '',
    undo_id        uuid,
    failures       integer     NOT NULL DEFAULT 0,
    undone_minor   bigint      NOT NULL DEFAULT 0 CHECK (undone_minor >= 0),
    attempts       integer     NOT NULL DEFAULT 0,
    due_at         timestamptz,
    leased_by      text        NOT NULL DEFAULT '',
    traceparent    text        NOT NULL DEFAULT '',
    tracestate     text        NOT NULL DEFAULT '',
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, kind),
    CONSTRAINT operation_open_is_due CHECK ((state IN ('intended', 'undoing')) = (due_at IS NOT NULL)),
    CONSTRAINT operation_undo_has_command CHECK (state NOT IN ('undoing', 'undone', 'undo_failed') OR undo_id IS NOT NULL)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- The open ones, for those who look for expired leases: small, however many orders there have been.
CREATE INDEX operation_due ON operation (due_at) WHERE due_at IS NOT NULL;

-- +goose Down
DROP TABLE operation;
