-- Tasks in a table that somebody else made, as the seed's ow_tasks. What stands in braces is the table's name, and what its columns
-- allow: see runner/executor/table_statements.py.

-- name: rows_find
-- A name is read as SQL reads it.
SELECT class.oid::bigint, namespace.nspname::text, class.relname::text, class.relkind::text,
    has_table_privilege(class.oid, 'SELECT') AND has_table_privilege(class.oid, 'UPDATE'),
    to_regclass('task_queues') IS NOT NULL AND class.oid = to_regclass('tasks')
FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.oid = to_regclass(%(name)s::text);

-- name: rows_columns
SELECT attname::text, format_type(atttypid, atttypmod)
FROM pg_attribute
WHERE attrelid = %(table)s::bigint::oid AND attnum > 0 AND NOT attisdropped;

-- name: rows_claim
WITH due AS MATERIALIZED (
    SELECT id FROM {table}
    WHERE status = 'pending'{due}
    ORDER BY {order}
    LIMIT %(most)s::int
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {table} AS task
SET status = 'running', started_at = clock_timestamp(){claimed}
FROM due
WHERE task.id = due.id
RETURNING task.id::text, {fence}::text, task.script::text, task.payload::text, {returned};

-- name: rows_finish
-- Whoever has the row no more changes nothing.
UPDATE {table} AS task
SET status = done.status::{status_type},
    result = done.result::{result_type},
    error = done.error,
    completed_at = CASE WHEN done.status = 'pending' THEN NULL ELSE clock_timestamp() END,
    started_at = CASE WHEN done.status = 'pending' THEN NULL ELSE task.started_at END{finished}
FROM unnest(
    %(ids)s::text[], %(fences)s::text[], %(statuses)s::text[], %(results)s::text[], %(errors)s::text[],
    %(uncounted)s::int[], %(afters)s::float8[]
) AS done (id, fence, status, result, error, uncounted, after_s)
WHERE task.id = done.id::{id_type} AND task.status = 'running' AND {fence} = done.fence::{fence_type}
RETURNING task.id::text;

-- name: rows_renew
UPDATE {table} AS task
SET leased_until = clock_timestamp() + make_interval(secs => %(lease_s)s::float8)
FROM unnest(%(ids)s::text[], %(fences)s::text[]) AS held (id, fence)
WHERE task.id = held.id::{id_type} AND task.status = 'running' AND {fence} = held.fence::{fence_type}
RETURNING task.id::text;

-- name: rows_rescue
-- What lost executors had; it counts as an attempt.
UPDATE {table} AS task
SET status = CASE WHEN {spent} THEN 'failed' ELSE 'pending' END::{status_type},
    error = 'its executor was lost',
    completed_at = CASE WHEN {spent} THEN clock_timestamp() END,
    lease_id = NULL, leased_until = NULL
FROM (
    SELECT id FROM {table}
    WHERE status = 'running' AND leased_until < clock_timestamp(){ours}
    LIMIT 100
    FOR NO KEY UPDATE SKIP LOCKED
) AS lost
WHERE task.id = lost.id
RETURNING task.id::text, task.status::text;
