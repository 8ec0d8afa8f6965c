-- +schema expands
-- +goose Up

-- A row for each deadline storm, for ever: a time in which the deadlines of a step were held, because too many of its
-- instances had no answer. See docs/decisions/deadline-storms.md.
CREATE TABLE deadline_storm (
    storm_id  uuid        NOT NULL PRIMARY KEY, -- UUIDv7: newest last
    step      text        NOT NULL,
    began_at  timestamptz NOT NULL,
    in_flight integer     NOT NULL CHECK (in_flight >= overdue), -- instances that waited for the step when it began
    overdue   integer     NOT NULL CHECK (overdue > 0),          -- those of them that had no answer in time
    answered  integer     NOT NULL CHECK (answered >= 0),        -- instances of the same time that had one
    ended_at  timestamptz,                                       -- null: it is on
    operator  text,                                              -- who released it, and why; null where it ended by itself
    reason    text,
    CHECK ((operator IS NULL) = (reason IS NULL)),
    CHECK (operator IS NULL OR ended_at IS NOT NULL),
    CHECK (reason <> '')
);

-- One at a time for a step: of two replicas that see it begin, one says so.
CREATE UNIQUE INDEX deadline_storm_on ON deadline_storm (step) WHERE ended_at IS NULL;

-- What the storms of a step mean for a deadline that passed, a row for each step that ever had one:
--   on, and it passed after released: it is held;
--   not after released: an operator let it pass, whatever came later;
--   after released and not after calmed: its storm ended by itself, and it starts anew.
CREATE VIEW step_guard AS
SELECT step, bool_or(ended_at IS NULL) AS held,
    coalesce(max(ended_at) FILTER (WHERE operator IS NOT NULL), '-infinity') AS released,
    coalesce(max(ended_at) FILTER (WHERE operator IS NULL), '-infinity') AS calmed
FROM deadline_storm GROUP BY step;

-- +goose Down
DROP VIEW step_guard;
DROP TABLE deadline_storm;
