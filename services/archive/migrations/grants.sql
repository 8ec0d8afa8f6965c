-- What the run role may: add, and read. It moves positions, and has no right on the days' tables themselves.
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT ON stream, record, checkpoint TO {role};
GRANT UPDATE (next, epoch, owner, chain, day, tail, records, archived_at) ON stream TO {role};
GRANT SELECT ON retired, day_partitions, {versions} TO {role};
GRANT EXECUTE ON FUNCTION make_days(date[]), headers_of(bytea) TO {role};
