-- The durable queue: tasks, the rules of their queues and tenants, and schedules that make tasks. States: runner/tasks/README.md.

-- A superset of the seed's ow_tasks: INSERT INTO tasks (script, payload) means the same here.
CREATE TABLE tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Whose it is; the zero uuid is nobody, as for rows that SQL inserts by script.
    tenant uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    queue text NOT NULL DEFAULT 'default' CHECK (queue <> '' AND length(queue) <= 100),
    kind text NOT NULL DEFAULT 'script' CHECK (kind IN ('script', 'worker', 'http')),
    -- What runs it: a script below the executor's root, or a worker's handler for `type`.
    script text,
    worker uuid,
    type text CHECK (type <> '' AND length(type) <= 100),
    -- Unique while the task is live.
    key text CHECK (length(key) <= 255),
    -- Of tasks that share it, no more run at once than their queue says.
    concurrency_key text CHECK (length(concurrency_key) <= 255),
    priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
    payload jsonb,
    -- What its kind needs beside the payload: the request of an http task.
    options jsonb,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'paused')),
    result jsonb,
    error text,
    -- One object for each attempt that went wrong: {attempt, at, error, reason, by}.
    errors jsonb,
    attempts integer NOT NULL DEFAULT 0,
    -- NULL: what the queue says.
    max_attempts integer CHECK (max_attempts BETWEEN 1 AND 1000),
    retry jsonb,
    timeout_ms integer CHECK (timeout_ms > 0),
    -- The trace that it belongs to, as a W3C traceparent.
    trace text,
    -- Which schedule made it, and for which instant.
    schedule uuid,
    due_at timestamptz,
    scheduled_at timestamptz NOT NULL DEFAULT now(),
    -- Every claim draws a fresh lease_id; who writes with another one changes nothing.
    lease_id uuid,
    leased_until timestamptz,
    leased_by text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Of the last attempt.
    started_at timestamptz,
    completed_at timestamptz,
    CONSTRAINT tasks_has_a_program CHECK (
        CASE kind WHEN 'script' THEN script IS NOT NULL WHEN 'worker' THEN worker IS NOT NULL ELSE true END
    )
) WITH (
    -- A renewed lease stays on its page: no index has the columns that it changes.
    fillfactor = 80,
    -- Rows live fast and die young; runner/tasks/vacuum.py comes more often still.
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.2, vacuum_truncate = off
);

-- The order of claims: within a kind, queue and tenant by priority, then by age. Distinct queues and tenants are found by
-- jumping through it, so that no claim looks at more rows than it takes, however many are due.
CREATE INDEX tasks_pending ON tasks (kind, queue, tenant, priority DESC, scheduled_at)
    WHERE status = 'pending' AND concurrency_key IS NULL;
-- The same for executors that serve only some types, and for tasks that share a concurrency key.
CREATE INDEX tasks_pending_typed ON tasks (kind, queue, tenant, type, priority DESC, scheduled_at)
    WHERE status = 'pending' AND concurrency_key IS NULL AND type IS NOT NULL;
CREATE INDEX tasks_pending_keyed ON tasks (kind, queue, tenant, concurrency_key, priority DESC, scheduled_at)
    WHERE status = 'pending' AND concurrency_key IS NOT NULL;
-- When the next one is due, of those that were not due from the start.
CREATE INDEX tasks_later ON tasks (scheduled_at) WHERE status = 'pending' AND scheduled_at > created_at;
-- What runs: few rows; counted for limits, looked through for leases that ended.
CREATE INDEX tasks_running ON tasks (queue, tenant, concurrency_key) WHERE status = 'running';
CREATE UNIQUE INDEX tasks_live_key ON tasks (tenant, key)
    WHERE key IS NOT NULL AND status IN ('pending', 'running', 'paused');
CREATE INDEX tasks_ended ON tasks (status, completed_at)
    WHERE status IN ('completed', 'failed', 'cancelled');
-- Who owns many tasks can leaf through them, whatever others have.
CREATE INDEX tasks_of_tenant ON tasks (tenant, created_at);
-- One firing for an instant, over any number of runners.
CREATE UNIQUE INDEX tasks_fire_once ON tasks (schedule, due_at) WHERE schedule IS NOT NULL;

CREATE FUNCTION notify_tasks_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Only a hint: executors look without it, too.
    NOTIFY tasks_created;
    RETURN NULL;
END;
$$;
CREATE TRIGGER notify_tasks_created AFTER INSERT ON tasks
    FOR EACH STATEMENT EXECUTE FUNCTION notify_tasks_created();

-- What holds for a queue, and what its tasks have that say nothing themselves. A queue without a row has no limits.
CREATE TABLE task_queues (
    queue text PRIMARY KEY CHECK (queue <> '' AND length(queue) <= 100),
    paused boolean NOT NULL DEFAULT false,
    max_running integer CHECK (max_running >= 0),
    max_running_per_key integer NOT NULL DEFAULT 1 CHECK (max_running_per_key >= 1),
    -- So many starts in so many milliseconds.
    rate_limit integer CHECK (rate_limit > 0),
    rate_period_ms integer NOT NULL DEFAULT 1000 CHECK (rate_period_ms > 0),
    -- Starts to be had at `rated_at`; more come with time.
    rate_left double precision NOT NULL DEFAULT 0,
    rated_at timestamptz,
    max_attempts integer CHECK (max_attempts BETWEEN 1 AND 1000),
    retry jsonb,
    timeout_ms integer CHECK (timeout_ms > 0),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE task_tenants (
    tenant uuid PRIMARY KEY,
    paused boolean NOT NULL DEFAULT false,
    max_running integer CHECK (max_running >= 0),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE task_schedules (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    name text NOT NULL CHECK (name <> '' AND length(name) <= 255),
    cron text NOT NULL,
    timezone text NOT NULL DEFAULT 'UTC',
    -- What becomes of instants that nobody was there for.
    missed text NOT NULL DEFAULT 'once' CHECK (missed IN ('skip', 'once', 'all')),
    paused boolean NOT NULL DEFAULT false,
    queue text NOT NULL DEFAULT 'default' CHECK (queue <> '' AND length(queue) <= 100),
    kind text NOT NULL DEFAULT 'script' CHECK (kind IN ('script', 'worker', 'http')),
    script text,
    worker uuid,
    type text CHECK (type <> '' AND length(type) <= 100),
    concurrency_key text CHECK (length(concurrency_key) <= 255),
    priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
    payload jsonb,
    options jsonb,
    max_attempts integer CHECK (max_attempts BETWEEN 1 AND 1000),
    retry jsonb,
    timeout_ms integer CHECK (timeout_ms > 0),
    -- NULL: to be planned.
    next_run timestamptz,
    last_run timestamptz,
    -- Why it can not be used; NULL for all that can.
    refused text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, name),
    CONSTRAINT task_schedules_has_a_program CHECK (
        CASE kind WHEN 'script' THEN script IS NOT NULL WHEN 'worker' THEN worker IS NOT NULL ELSE true END
    )
);
CREATE INDEX task_schedules_due ON task_schedules (next_run) WHERE NOT paused AND refused IS NULL;

-- Executors and schedulers look at once when rules change.
CREATE FUNCTION notify_task_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY tasks_rules;
    RETURN NULL;
END;
$$;
CREATE TRIGGER notify_task_rules
    AFTER INSERT OR DELETE OR UPDATE OF paused, max_running, max_running_per_key, rate_limit, rate_period_ms ON task_queues
    FOR EACH STATEMENT EXECUTE FUNCTION notify_task_rules();
CREATE TRIGGER notify_task_rules AFTER INSERT OR DELETE OR UPDATE ON task_tenants
    FOR EACH STATEMENT EXECUTE FUNCTION notify_task_rules();
CREATE TRIGGER notify_task_rules
    AFTER INSERT OR DELETE OR UPDATE OF cron, timezone, paused ON task_schedules
    FOR EACH STATEMENT EXECUTE FUNCTION notify_task_rules();

-- A schedule that was changed is planned anew, whoever changed it.
CREATE FUNCTION plan_task_schedule_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.refused := NULL;
    IF NEW.next_run IS NOT DISTINCT FROM OLD.next_run THEN
        NEW.next_run := NULL;
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER plan_task_schedule_anew BEFORE UPDATE ON task_schedules
    FOR EACH ROW
    WHEN (NEW.cron <> OLD.cron OR NEW.timezone <> OLD.timezone OR (OLD.paused AND NOT NEW.paused))
    EXECUTE FUNCTION plan_task_schedule_anew();

-- With a tenant goes what it left to be done.
CREATE FUNCTION forget_tasks_of_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tasks WHERE tenant = OLD.id;
    DELETE FROM task_schedules WHERE tenant = OLD.id;
    DELETE FROM task_tenants WHERE tenant = OLD.id;
    RETURN NULL;
END;
$$;
CREATE TRIGGER forget_tasks_of_tenant AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION forget_tasks_of_tenant();
