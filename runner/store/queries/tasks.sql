-- Enqueueing, reading and steering tasks. `now` is NULL but in tests: then the database's clock counts.

-- name: enqueue
-- Rows whose key is live are left out of what is returned.
INSERT INTO tasks (
    id, tenant, queue, kind, script, worker, type, key, concurrency_key, priority, payload, options,
    max_attempts, retry, timeout_ms, trace, scheduled_at, created_at, updated_at
)
SELECT id, tenant, queue, kind, script, worker, type, key, concurrency_key, priority, payload::jsonb, options::jsonb,
    max_attempts, retry::jsonb, timeout_ms, trace,
    coalesce(scheduled_at, at.now), at.now, at.now
FROM unnest(
    %(id)s::uuid[], %(tenant)s::uuid[], %(queue)s::text[], %(kind)s::text[], %(script)s::text[], %(worker)s::uuid[],
    %(type)s::text[], %(key)s::text[], %(concurrency_key)s::text[], %(priority)s::int[], %(payload)s::text[],
    %(options)s::text[], %(max_attempts)s::int[], %(retry)s::text[], %(timeout_ms)s::int[], %(trace)s::text[],
    %(scheduled_at)s::timestamptz[]
) WITH ORDINALITY AS row (
    id, tenant, queue, kind, script, worker, type, key, concurrency_key, priority, payload, options,
    max_attempts, retry, timeout_ms, trace, scheduled_at, number
), LATERAL (
    -- Tasks that come together stand in line one after the other.
    SELECT coalesce(%(now)s::timestamptz, statement_timestamp())
        - make_interval(secs => (cardinality(%(id)s::uuid[]) - number) * 1e-6) AS now
) AS at
ON CONFLICT (tenant, key) WHERE key IS NOT NULL AND status IN ('pending', 'running', 'paused') DO NOTHING
RETURNING id;

-- name: by_key
-- The live tasks of these keys.
SELECT tenant, key, id FROM tasks
WHERE key IS NOT NULL AND status IN ('pending', 'running', 'paused')
  AND (tenant, key) IN (SELECT * FROM unnest(%(tenant)s::uuid[], %(key)s::text[]));

-- name: copy
COPY tasks (
    id, tenant, queue, kind, script, worker, type, concurrency_key, priority, payload, options,
    max_attempts, retry, timeout_ms, trace, scheduled_at, created_at, updated_at
) FROM STDIN;

-- name: time
SELECT coalesce(%(now)s::timestamptz, statement_timestamp());

-- name: get
SELECT id, tenant, queue, kind, script, worker, type, key, concurrency_key, priority, status, payload::text, options::text,
    result::text, error, errors::text, attempts, max_attempts, retry::text, timeout_ms, trace, schedule, due_at, scheduled_at,
    leased_until, leased_by, created_at, updated_at, started_at, completed_at
FROM tasks
WHERE id = %(id)s::uuid AND (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s::uuid);

-- name: leaf
-- One tenant's, newest first, from `before` on.
SELECT id, tenant, queue, kind, script, worker, type, key, concurrency_key, priority, status, payload::text, options::text,
    result::text, error, errors::text, attempts, max_attempts, retry::text, timeout_ms, trace, schedule, due_at, scheduled_at,
    leased_until, leased_by, created_at, updated_at, started_at, completed_at
FROM tasks
WHERE tenant = %(tenant)s::uuid
  AND created_at <= coalesce(%(before_at)s::timestamptz, 'infinity')
  AND (%(before_at)s::timestamptz IS NULL OR (created_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
  AND (%(queue)s::text IS NULL OR queue = %(queue)s::text)
  AND (%(status)s::text IS NULL OR status = %(status)s::text)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)
  AND (%(type)s::text IS NULL OR type LIKE %(type)s::text)
  AND (%(key)s::text IS NULL OR key = %(key)s::text)
ORDER BY created_at DESC, id DESC
LIMIT %(most)s::int;

-- name: leaf_all
-- Everybody's: the newest of each tenant, and of these the newest.
WITH RECURSIVE owner (tenant) AS (
    (SELECT tenant FROM tasks ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT next.tenant FROM owner, LATERAL (
        SELECT tenant FROM tasks WHERE tenant > owner.tenant ORDER BY tenant LIMIT 1
    ) AS next
)
SELECT page.* FROM owner, LATERAL (
    SELECT id, tenant, queue, kind, script, worker, type, key, concurrency_key, priority, status, payload::text, options::text,
        result::text, error, errors::text, attempts, max_attempts, retry::text, timeout_ms, trace, schedule, due_at, scheduled_at,
        leased_until, leased_by, created_at, updated_at, started_at, completed_at
    FROM tasks
    WHERE tenant = owner.tenant
      AND created_at <= coalesce(%(before_at)s::timestamptz, 'infinity')
      AND (%(before_at)s::timestamptz IS NULL OR (created_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
      AND (%(queue)s::text IS NULL OR queue = %(queue)s::text)
      AND (%(status)s::text IS NULL OR status = %(status)s::text)
      AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)
      AND (%(type)s::text IS NULL OR type LIKE %(type)s::text)
      AND (%(key)s::text IS NULL OR key = %(key)s::text)
    ORDER BY created_at DESC, id DESC
    LIMIT %(most)s::int
) AS page
ORDER BY page.created_at DESC, page.id DESC
LIMIT %(most)s::int;

-- name: count_by_table
-- Whoever counts everything reads the table, not an index of it. Ends with the transaction.
SELECT set_config('enable_seqscan', 'on', true), set_config('max_parallel_workers_per_gather', '2', true);

-- name: stats
SELECT status, count(*) FROM tasks
WHERE (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s::uuid)
  AND (%(queue)s::text IS NULL OR queue = %(queue)s::text)
GROUP BY status;

-- name: stats_of_queues
SELECT queue, status, count(*) FROM tasks
WHERE (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s::uuid)
GROUP BY queue, status;

-- name: change
-- One step from one of the states `from` to `to`, whoever holds it; a lease that there is is void. Nothing is returned when it is
-- in another state.
UPDATE tasks AS task
SET status = %(to)s::text,
    attempts = CASE WHEN %(reset)s::bool THEN 0 ELSE task.attempts END,
    error = CASE WHEN %(again)s::bool THEN NULL ELSE coalesce(%(error)s::text, task.error) END,
    result = CASE WHEN %(again)s::bool THEN NULL ELSE task.result END,
    scheduled_at = CASE WHEN %(again)s::bool THEN coalesce(%(now)s::timestamptz, statement_timestamp()) ELSE task.scheduled_at END,
    completed_at = CASE WHEN %(to)s::text = 'cancelled' THEN coalesce(%(now)s::timestamptz, statement_timestamp()) END,
    updated_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
    lease_id = NULL, leased_until = NULL
FROM (
    SELECT id, status, lease_id FROM tasks
    WHERE id = %(id)s::uuid AND (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s::uuid)
      AND status = ANY (%(from)s::text[])
    FOR NO KEY UPDATE
) AS before
WHERE task.id = before.id
RETURNING before.lease_id, before.status;

-- name: count_pending
-- How many tasks of a tenant wait, `most` at most. Kinds and queues are found by jumping from one to the next.
WITH RECURSIVE plain (kind, queue) AS (
    (
        SELECT kind, queue FROM tasks WHERE status = 'pending' AND concurrency_key IS NULL
        ORDER BY kind, queue LIMIT 1
    )
    UNION ALL
    SELECT next.kind, next.queue FROM plain, LATERAL (
        SELECT kind, queue FROM tasks
        WHERE status = 'pending' AND concurrency_key IS NULL AND (kind, queue) > (plain.kind, plain.queue)
        ORDER BY kind, queue LIMIT 1
    ) AS next
), keyed (kind, queue) AS (
    (
        SELECT kind, queue FROM tasks WHERE status = 'pending' AND concurrency_key IS NOT NULL
        ORDER BY kind, queue LIMIT 1
    )
    UNION ALL
    SELECT next.kind, next.queue FROM keyed, LATERAL (
        SELECT kind, queue FROM tasks
        WHERE status = 'pending' AND concurrency_key IS NOT NULL AND (kind, queue) > (keyed.kind, keyed.queue)
        ORDER BY kind, queue LIMIT 1
    ) AS next
)
SELECT count(*) FROM (
    (
        SELECT FROM plain, LATERAL (
            SELECT FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NULL
              AND kind = plain.kind AND queue = plain.queue AND tenant = %(tenant)s::uuid
            LIMIT %(most)s::int
        ) AS waiting
    )
    UNION ALL
    (
        SELECT FROM keyed, LATERAL (
            SELECT FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NOT NULL
              AND kind = keyed.kind AND queue = keyed.queue AND tenant = %(tenant)s::uuid
            LIMIT %(most)s::int
        ) AS waiting
    )
    LIMIT %(most)s::int
) AS all_waiting;

-- name: tell_cancelled
-- Executors that hold the lease end its execution.
SELECT pg_notify('tasks_cancelled', %(lease)s::text);

-- name: tell_created
NOTIFY tasks_created;

-- name: clean
DELETE FROM tasks
WHERE id IN (
    SELECT id FROM tasks
    WHERE status = %(status)s::text AND status IN ('completed', 'failed', 'cancelled')
      AND completed_at < coalesce(%(now)s::timestamptz, statement_timestamp()) - make_interval(secs => %(older_s)s::float8)
      AND (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s::uuid)
    ORDER BY completed_at
    LIMIT %(most)s::int
    FOR UPDATE SKIP LOCKED
);

-- name: count_ended
SELECT count(*) FROM tasks
WHERE status = %(status)s::text AND status IN ('completed', 'failed', 'cancelled')
  AND completed_at < coalesce(%(now)s::timestamptz, statement_timestamp()) - make_interval(secs => %(older_s)s::float8)
  AND (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s::uuid);

-- name: bloat
SELECT pg_stat_get_dead_tuples('tasks'::regclass);

-- name: sweep
VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON, TRUNCATE OFF, PARALLEL 0) tasks;
