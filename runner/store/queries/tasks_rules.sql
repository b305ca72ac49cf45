-- What holds for queues and tenants.

-- name: queue_rules
SELECT queue, paused, max_running, max_running_per_key, rate_limit, rate_period_ms, max_attempts, retry::text, timeout_ms
FROM task_queues
WHERE %(queue)s::text IS NULL OR queue = %(queue)s::text
ORDER BY queue;

-- name: set_queue_rules
-- A limit of starts that is new begins with all of them.
INSERT INTO task_queues AS rules
    (queue, paused, max_running, max_running_per_key, rate_limit, rate_period_ms, max_attempts, retry, timeout_ms)
VALUES (
    %(queue)s::text, %(paused)s::bool, %(max_running)s::int, %(max_running_per_key)s::int, %(rate_limit)s::int,
    %(rate_period_ms)s::int, %(max_attempts)s::int, %(retry)s::text::jsonb, %(timeout_ms)s::int
)
ON CONFLICT (queue) DO UPDATE SET
    paused = excluded.paused,
    max_running = excluded.max_running,
    max_running_per_key = excluded.max_running_per_key,
    rated_at = CASE WHEN rules.rate_limit IS NULL THEN NULL ELSE rules.rated_at END,
    rate_limit = excluded.rate_limit,
    rate_period_ms = excluded.rate_period_ms,
    max_attempts = excluded.max_attempts,
    retry = excluded.retry,
    timeout_ms = excluded.timeout_ms,
    updated_at = statement_timestamp();

-- name: pause_queue
INSERT INTO task_queues AS rules (queue, paused) VALUES (%(queue)s::text, %(paused)s::bool)
ON CONFLICT (queue) DO UPDATE SET paused = excluded.paused, updated_at = statement_timestamp();

-- name: forget_queue_rules
DELETE FROM task_queues WHERE queue = %(queue)s::text;

-- name: tenant_rules
SELECT tenant, paused, max_running FROM task_tenants WHERE tenant = %(tenant)s::uuid;

-- name: set_tenant_rules
INSERT INTO task_tenants (tenant, paused, max_running) VALUES (%(tenant)s::uuid, %(paused)s::bool, %(max_running)s::int)
ON CONFLICT (tenant) DO UPDATE SET
    paused = excluded.paused, max_running = excluded.max_running, updated_at = statement_timestamp();
