-- +schema expands
-- +goose Up

-- One row for each saga, which is one for each order. Partitioned by the time inside the order id (UUIDv7: the leading 48
-- bits), so that nothing ever moves and old months can be detached: see make_partitions.
--
-- What never changes stands first: then an update logs only the row's end. No column that changes on the way, but for the
-- last time, is indexed or in an index's condition, so that those updates are heap-only. See
-- docs/decisions/deadlines-without-an-index.md.
CREATE TABLE instance (
    order_id    uuid        NOT NULL PRIMARY KEY,
    definition  text        NOT NULL, -- "fulfilment"
    version     smallint    NOT NULL CHECK (version > 0), -- of the definition, for ever
    partition   smallint    NOT NULL CHECK (partition >= 0), -- of the order's topics: its owner fires the deadlines
    placed_at   timestamptz NOT NULL, -- ce_time of the event that started it
    started_at  timestamptz NOT NULL,
    customer_id text        NOT NULL,
    traceparent text        NOT NULL, -- of the event that started it: deadlines and operators continue that trace
    tracestate  text        NOT NULL,
    data        jsonb       NOT NULL, -- what its commands are made from

    transitions integer     NOT NULL CHECK (transitions > 0), -- counts them
    sequence    bigint      NOT NULL CHECK (sequence >= 0), -- the last ce_sequence given out
    updated_at  timestamptz NOT NULL,
    resend_at   timestamptz, -- when the outstanding command is sent again
    deadline    timestamptz, -- when its outcome counts as unknown; null: never
    finished_at timestamptz,
    command_id  uuid,        -- the outstanding command
    attempt     integer     CHECK (attempt > 0),
    undo        boolean     NOT NULL,
    cancelling  boolean     NOT NULL,
    state       text        NOT NULL CHECK (state IN ('running', 'unwinding', 'ending', 'completed', 'rejected', 'cancelled')),
    step        text        NOT NULL, -- of the outstanding command; '' without one
    failed      text        NOT NULL, -- the step that failed; '' while none did
    reason      text        NOT NULL, -- why
    stuck       text        NOT NULL, -- why an operator is needed; '' while none is
    steps       text        NOT NULL, -- a line for each step begun: name, outcome, attempts of its undo, last answer, failure

    CHECK ((state IN ('completed', 'rejected', 'cancelled')) = (finished_at IS NOT NULL)),
    -- Final: nothing is outstanding. Else a command is, unless only owed compensations are left.
    CHECK (finished_at IS NULL OR command_id IS NULL),
    CHECK (command_id IS NOT NULL OR finished_at IS NOT NULL OR (state = 'unwinding' AND stuck <> '')),
    CHECK ((command_id IS NULL) = (attempt IS NULL)),
    CHECK ((command_id IS NULL) = (resend_at IS NULL)),
    CHECK ((command_id IS NULL) = (step = '')),
    CHECK (deadline IS NULL OR command_id IS NOT NULL)
) PARTITION BY RANGE (order_id);

CREATE INDEX instance_open ON instance (partition) WHERE finished_at IS NULL;
CREATE INDEX instance_customer ON instance (customer_id, order_id);
-- The rare ones.
CREATE INDEX instance_stuck ON instance (order_id) WHERE stuck <> '';
CREATE INDEX instance_failed ON instance (order_id) WHERE state IN ('rejected', 'cancelled');

-- What happened to each saga: one row for each input, for ever.
CREATE TABLE history (
    order_id   uuid        NOT NULL,
    input_id   uuid        NOT NULL, -- ce_id, or drawn for what is no message
    transition integer     NOT NULL, -- the instance's count: an input without effect has that of the transition before it
    at         timestamptz NOT NULL,
    "offset"   bigint,               -- where it was read; the partition is the order's
    topic      text,                 -- null for what is no message
    input      text        NOT NULL, -- its wire type
    effect     text        NOT NULL CHECK (effect IN ('applied', 'late', 'ignored', 'denied', 'jammed')),
    from_state text        NOT NULL, -- '' before the first
    to_state   text        NOT NULL,
    note       text        NOT NULL, -- for people
    commands   text[]      NOT NULL, -- what was sent: wire type and attempt
    trace_id   text        NOT NULL, -- 32 hex digits, or ''
    operator   text,                 -- who wished it, and why
    reason     text,
    PRIMARY KEY (order_id, input_id),
    CHECK ((topic IS NULL) = ("offset" IS NULL)),
    CHECK (operator IS NULL OR reason <> '')
) PARTITION BY RANGE (order_id);

-- +goose Down
DROP TABLE history;
DROP TABLE instance;
