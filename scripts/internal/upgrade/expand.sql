-- +schema expands
-- +goose NO TRANSACTION
-- +goose Up

-- Each table by itself: a lock on all of them at once would cross those of a batch.
-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOR t IN SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
        AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT LIKE 'goose\_%' ORDER BY relname
    LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS later_NAME text NOT NULL DEFAULT ''later''', t);
        COMMIT;
    END LOOP;
END
$$;
-- +goose StatementEnd
