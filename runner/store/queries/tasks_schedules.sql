-- Schedules that make tasks. `now` is NULL but in tests: then the database's clock counts.

-- name: add_schedule
INSERT INTO task_schedules (
    tenant, name, cron, timezone, missed, paused, queue, kind, script, worker, type, concurrency_key, priority, payload, options,
    max_attempts, retry, timeout_ms
)
VALUES (
    %(tenant)s::uuid, %(name)s::text, %(cron)s::text, %(timezone)s::text, %(missed)s::text, %(paused)s::bool, %(queue)s::text,
    %(kind)s::text, %(script)s::text, %(worker)s::uuid, %(type)s::text, %(concurrency_key)s::text, %(priority)s::int,
    %(payload)s::text::jsonb, %(options)s::text::jsonb, %(max_attempts)s::int, %(retry)s::text::jsonb, %(timeout_ms)s::int
)
ON CONFLICT (tenant, name) DO NOTHING
RETURNING id;

-- name: set_schedule
-- Another cron or time zone is planned anew.
INSERT INTO task_schedules (
    tenant, name, cron, timezone, missed, paused, queue, kind, script, worker, type, concurrency_key, priority, payload, options,
    max_attempts, retry, timeout_ms
)
VALUES (
    %(tenant)s::uuid, %(name)s::text, %(cron)s::text, %(timezone)s::text, %(missed)s::text, %(paused)s::bool, %(queue)s::text,
    %(kind)s::text, %(script)s::text, %(worker)s::uuid, %(type)s::text, %(concurrency_key)s::text, %(priority)s::int,
    %(payload)s::text::jsonb, %(options)s::text::jsonb, %(max_attempts)s::int, %(retry)s::text::jsonb, %(timeout_ms)s::int
)
ON CONFLICT (tenant, name) DO UPDATE SET
    cron = excluded.cron, timezone = excluded.timezone, missed = excluded.missed, paused = excluded.paused, queue = excluded.queue,
    kind = excluded.kind, script = excluded.script, worker = excluded.worker, type = excluded.type,
    concurrency_key = excluded.concurrency_key, priority = excluded.priority, payload = excluded.payload,
    options = excluded.options, max_attempts = excluded.max_attempts, retry = excluded.retry, timeout_ms = excluded.timeout_ms,
    updated_at = statement_timestamp()
RETURNING id;

-- name: schedules
SELECT id, tenant, name, cron, timezone, missed, paused, queue, kind, script, worker, type, next_run, last_run, refused, created_at
FROM task_schedules
WHERE (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s::uuid) AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
ORDER BY tenant, name
LIMIT 10000;

-- name: pause_schedule
UPDATE task_schedules SET paused = %(paused)s::bool, updated_at = statement_timestamp()
WHERE id = %(id)s::uuid AND (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s::uuid);

-- name: remove_schedule
DELETE FROM task_schedules
WHERE id = %(id)s::uuid AND (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s::uuid);

-- name: unplanned_schedules
-- Whose next run is to be found; from now on, as what was before was not asked for.
SELECT id, cron, timezone, coalesce(%(now)s::timestamptz, statement_timestamp())
FROM task_schedules
WHERE next_run IS NULL AND NOT paused AND refused IS NULL
ORDER BY id
LIMIT %(most)s::int
FOR NO KEY UPDATE SKIP LOCKED;

-- name: due_schedules
-- What another scheduler has in its hands is passed over.
SELECT id, tenant, cron, timezone, missed, next_run, coalesce(%(now)s::timestamptz, statement_timestamp())
FROM task_schedules
WHERE next_run <= coalesce(%(now)s::timestamptz, statement_timestamp()) AND NOT paused AND refused IS NULL
ORDER BY next_run
LIMIT %(most)s::int
FOR NO KEY UPDATE SKIP LOCKED;

-- name: refuse_schedule
UPDATE task_schedules SET refused = %(reason)s::text, next_run = NULL, updated_at = statement_timestamp()
WHERE id = %(id)s::uuid;

-- name: plan_schedules
UPDATE task_schedules AS schedule
SET next_run = plan.next_run, last_run = coalesce(plan.last_run, schedule.last_run)
FROM unnest(%(ids)s::uuid[], %(nexts)s::timestamptz[], %(lasts)s::timestamptz[]) AS plan (id, next_run, last_run)
WHERE schedule.id = plan.id;

-- name: fire_schedules
-- The unique index tasks_fire_once has the last word.
INSERT INTO tasks (
    id, tenant, queue, kind, script, worker, type, concurrency_key, priority, payload, options,
    max_attempts, retry, timeout_ms, schedule, due_at, scheduled_at, created_at, updated_at
)
SELECT fire.id, tenant, queue, kind, script, worker, type, concurrency_key, priority, payload, options,
    max_attempts, retry, timeout_ms, schedule.id, fire.due_at, at.now, at.now, at.now
FROM unnest(%(ids)s::uuid[], %(schedules)s::uuid[], %(dues)s::timestamptz[]) AS fire (id, schedule, due_at)
JOIN task_schedules AS schedule ON schedule.id = fire.schedule
CROSS JOIN (SELECT coalesce(%(now)s::timestamptz, statement_timestamp()) AS now) AS at
ON CONFLICT (schedule, due_at) WHERE schedule IS NOT NULL DO NOTHING
RETURNING id, tenant, queue, kind, type;

-- name: soonest_schedule
SELECT extract(epoch FROM min(next_run) - coalesce(%(now)s::timestamptz, statement_timestamp()))::float8
FROM task_schedules WHERE NOT paused AND refused IS NULL AND next_run IS NOT NULL;
