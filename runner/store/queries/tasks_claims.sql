-- Claims, and what the holder of a claim may write. `now` is NULL but in tests: then the database's clock counts.

-- name: claim
-- Walks through the queues and tenants that have pending tasks, one after another from where the last claim ended, and takes as
-- much from each that has something due. Passes over queues and tenants with rules, which are claim_ruled's, and over tenants that have
-- taken their part of the executor's places. On the way it completes what the executor has done: few outcomes cost nothing of their own.
WITH RECURSIVE flow (step, queue, tenant, wanted, wrapped) AS (
    SELECT 1, first.queue, first.tenant,
        (%(queues)s::text[] IS NULL OR first.queue = ANY (%(queues)s::text[])) AND NOT EXISTS (
            SELECT FROM task_queues AS rules
            WHERE rules.queue = first.queue
              AND (rules.paused OR rules.max_running IS NOT NULL OR rules.rate_limit IS NOT NULL)
        ),
        first.wrapped
    FROM (
        (
            SELECT queue, tenant, false AS wrapped FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NULL AND kind = %(kind)s::text
              AND (queue, tenant) > (%(after_queue)s::text, %(after_tenant)s::uuid)
            ORDER BY queue, tenant LIMIT 1
        )
        UNION ALL
        (
            SELECT queue, tenant, true FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NULL AND kind = %(kind)s::text
            ORDER BY queue, tenant LIMIT 1
        )
        LIMIT 1
    ) AS first
    UNION ALL
    SELECT flow.step + 1, next.queue, next.tenant,
        (%(queues)s::text[] IS NULL OR next.queue = ANY (%(queues)s::text[])) AND NOT EXISTS (
            SELECT FROM task_queues AS rules
            WHERE rules.queue = next.queue
              AND (rules.paused OR rules.max_running IS NOT NULL OR rules.rate_limit IS NOT NULL)
        ),
        next.wrapped
    FROM flow, LATERAL (
        (
            -- A queue that is not wanted is jumped over, however many tenants it has.
            SELECT queue, tenant, flow.wrapped FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NULL AND kind = %(kind)s::text
              AND (queue, tenant) > (
                  flow.queue,
                  CASE WHEN flow.wanted THEN flow.tenant ELSE 'ffffffff-ffff-ffff-ffff-ffffffffffff' END
              )
            ORDER BY queue, tenant LIMIT 1
        )
        UNION ALL
        (
            SELECT queue, tenant, true FROM tasks
            WHERE NOT flow.wrapped
              AND status = 'pending' AND concurrency_key IS NULL AND kind = %(kind)s::text
            ORDER BY queue, tenant LIMIT 1
        )
        LIMIT 1
    ) AS next
    WHERE flow.step < %(walk)s::int
      AND NOT (next.wrapped AND (next.queue, next.tenant) > (%(after_queue)s::text, %(after_tenant)s::uuid))
), turn AS MATERIALIZED (
    SELECT flow.step, flow.queue, flow.tenant, rules.max_attempts, rules.retry, rules.timeout_ms
    FROM flow LEFT JOIN task_queues AS rules ON rules.queue = flow.queue
    WHERE flow.wanted AND flow.tenant <> ALL (%(full)s::uuid[])
      AND NOT EXISTS (
          SELECT FROM task_tenants AS limits
          WHERE limits.tenant = flow.tenant AND (limits.paused OR limits.max_running IS NOT NULL)
      )
      AND EXISTS (
          SELECT FROM tasks
          WHERE status = 'pending' AND concurrency_key IS NULL
            AND kind = %(kind)s::text AND queue = flow.queue AND tenant = flow.tenant
            AND scheduled_at <= coalesce(%(now)s::timestamptz, statement_timestamp())
      )
    LIMIT %(most)s::int
), share AS MATERIALIZED (
    SELECT (%(most)s::int + count(*) - 1) / greatest(count(*), 1) AS size FROM turn
), taken AS MATERIALIZED (
    SELECT turn.step, turn.max_attempts, turn.retry, turn.timeout_ms, due.id
    FROM share, turn, LATERAL (
        SELECT id FROM tasks
        WHERE status = 'pending' AND concurrency_key IS NULL
          AND kind = %(kind)s::text AND queue = turn.queue AND tenant = turn.tenant
          AND scheduled_at <= coalesce(%(now)s::timestamptz, statement_timestamp())
        ORDER BY priority DESC, scheduled_at
        LIMIT share.size
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS due
    LIMIT %(most)s::int
), claimed AS (
    UPDATE tasks AS task
    SET status = 'running',
        attempts = task.attempts + 1,
        lease_id = task_lease(%(draw)s::uuid, task.id),
        leased_until = coalesce(%(now)s::timestamptz, statement_timestamp()) + make_interval(secs => %(lease_s)s::float8),
        leased_by = %(executor)s::text,
        started_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
        updated_at = coalesce(%(now)s::timestamptz, statement_timestamp())
    FROM taken
    WHERE task.id = taken.id
    RETURNING task.id, task.lease_id, task.tenant, task.queue, task.kind, task.script, task.worker, task.type, task.key,
        task.concurrency_key, task.priority, task.payload::text AS payload, task.options::text AS options, task.attempts,
        coalesce(task.max_attempts, taken.max_attempts) AS max_attempts,
        coalesce(task.retry, taken.retry)::text AS retry,
        coalesce(task.timeout_ms, taken.timeout_ms) AS timeout_ms,
        task.trace, task.created_at, task.scheduled_at, task.started_at, taken.step
), done AS (
    UPDATE tasks AS task
    SET status = 'completed',
        result = held.result::jsonb,
        error = NULL,
        completed_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
        updated_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
        lease_id = NULL, leased_until = NULL
    FROM unnest(%(ids)s::uuid[], %(leases)s::uuid[], %(results)s::text[]) AS held (id, lease, result)
    WHERE task.id = held.id AND task.lease_id = held.lease
    RETURNING held.lease
)
SELECT * FROM claimed
UNION ALL
SELECT NULL, lease, NULL, '', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0
FROM done
UNION ALL
-- Nothing in as many steps as a claim may take: the next one goes on from here.
SELECT NULL, NULL, tenant, queue, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, step
FROM (SELECT step, queue, tenant FROM flow ORDER BY step DESC LIMIT 1) AS last
WHERE NOT EXISTS (SELECT FROM claimed) AND last.step = %(walk)s::int;

-- name: claim_again
-- The next ones of queues and tenants that have just had a full claim, behind the last one, of `priorities` and `sinces`: what was
-- claimed before and is not swept away yet is not passed again. In the same order; only what was put back before that place, and other
-- tenants, have to wait for the next claim.
WITH turn AS MATERIALIZED (
    SELECT known.step::int AS step, known.queue, known.tenant, known.priority, known.since, rules.max_attempts, rules.retry, rules.timeout_ms
    FROM unnest(%(flow_queues)s::text[], %(flow_tenants)s::uuid[], %(priorities)s::smallint[], %(sinces)s::timestamptz[])
        WITH ORDINALITY AS known (queue, tenant, priority, since, step)
    LEFT JOIN task_queues AS rules ON rules.queue = known.queue
    WHERE rules.paused IS NOT TRUE AND rules.max_running IS NULL AND rules.rate_limit IS NULL
      AND known.tenant <> ALL (%(full)s::uuid[])
      AND NOT EXISTS (
          SELECT FROM task_tenants AS limits
          WHERE limits.tenant = known.tenant AND (limits.paused OR limits.max_running IS NOT NULL)
      )
), share AS MATERIALIZED (
    SELECT (%(most)s::int + count(*) - 1) / greatest(count(*), 1) AS size FROM turn
), taken AS MATERIALIZED (
    SELECT turn.step, turn.max_attempts, turn.retry, turn.timeout_ms, due.id
    FROM share, turn, LATERAL (
        SELECT id FROM (
            SELECT id FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NULL
              AND kind = %(kind)s::text AND queue = turn.queue AND tenant = turn.tenant
              AND priority > turn.priority AND scheduled_at <= coalesce(%(now)s::timestamptz, statement_timestamp())
            ORDER BY priority DESC, scheduled_at
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS above
        UNION ALL
        SELECT id FROM (
            SELECT id FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NULL
              AND kind = %(kind)s::text AND queue = turn.queue AND tenant = turn.tenant
              AND priority = turn.priority AND scheduled_at BETWEEN turn.since AND coalesce(%(now)s::timestamptz, statement_timestamp())
            ORDER BY priority DESC, scheduled_at
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS behind
        UNION ALL
        SELECT id FROM (
            SELECT id FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NULL
              AND kind = %(kind)s::text AND queue = turn.queue AND tenant = turn.tenant
              AND priority < turn.priority AND scheduled_at <= coalesce(%(now)s::timestamptz, statement_timestamp())
            ORDER BY priority DESC, scheduled_at
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS below
        LIMIT share.size
    ) AS due
    LIMIT %(most)s::int
), claimed AS (
    UPDATE tasks AS task
    SET status = 'running',
        attempts = task.attempts + 1,
        lease_id = task_lease(%(draw)s::uuid, task.id),
        leased_until = coalesce(%(now)s::timestamptz, statement_timestamp()) + make_interval(secs => %(lease_s)s::float8),
        leased_by = %(executor)s::text,
        started_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
        updated_at = coalesce(%(now)s::timestamptz, statement_timestamp())
    FROM taken
    WHERE task.id = taken.id
    RETURNING task.id, task.lease_id, task.tenant, task.queue, task.kind, task.script, task.worker, task.type, task.key,
        task.concurrency_key, task.priority, task.payload::text AS payload, task.options::text AS options, task.attempts,
        coalesce(task.max_attempts, taken.max_attempts) AS max_attempts,
        coalesce(task.retry, taken.retry)::text AS retry,
        coalesce(task.timeout_ms, taken.timeout_ms) AS timeout_ms,
        task.trace, task.created_at, task.scheduled_at, task.started_at, taken.step
), done AS (
    UPDATE tasks AS task
    SET status = 'completed',
        result = held.result::jsonb,
        error = NULL,
        completed_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
        updated_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
        lease_id = NULL, leased_until = NULL
    FROM unnest(%(ids)s::uuid[], %(leases)s::uuid[], %(results)s::text[]) AS held (id, lease, result)
    WHERE task.id = held.id AND task.lease_id = held.lease
    RETURNING held.lease
)
SELECT * FROM claimed
UNION ALL
SELECT NULL, lease, NULL, '', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0
FROM done;

-- name: rules_lock
-- Who claims under rules counts first, and nobody else may claim under rules meanwhile. Ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('isolane tasks: rules', 0));

-- name: claim_ruled
-- Takes what claim passes over: tasks of queues and tenants with limits, and those with concurrency keys. With `types` (patterns of
-- LIKE): whatever has such a type. Groups are walked through like flows in claim.
WITH RECURSIVE flow (step, queue, tenant) AS (
    (
        SELECT 1, queue, tenant FROM tasks
        WHERE %(types)s::text[] IS NULL
          AND status = 'pending' AND concurrency_key IS NULL AND kind = %(kind)s::text
        ORDER BY queue, tenant LIMIT 1
    )
    UNION ALL
    SELECT flow.step + 1, next.queue, next.tenant
    FROM flow, LATERAL (
        SELECT queue, tenant FROM tasks
        WHERE status = 'pending' AND concurrency_key IS NULL AND kind = %(kind)s::text
          AND (queue, tenant) > (
              flow.queue,
              -- In a queue without rules only tenants with rules matter; those are found below.
              CASE WHEN EXISTS (
                  SELECT FROM task_queues AS rules
                  WHERE rules.queue = flow.queue AND NOT rules.paused
                    AND (rules.max_running IS NOT NULL OR rules.rate_limit IS NOT NULL)
                    AND (%(queues)s::text[] IS NULL OR rules.queue = ANY (%(queues)s::text[]))
              ) THEN flow.tenant ELSE 'ffffffff-ffff-ffff-ffff-ffffffffffff' END
          )
        ORDER BY queue, tenant LIMIT 1
    ) AS next
    WHERE flow.step < 4 * %(walk)s::int
), typed (step, queue, tenant, name, wrapped) AS (
    SELECT 1, first.* FROM (
        (
            SELECT queue, tenant, type, false AS wrapped FROM tasks
            WHERE %(types)s::text[] IS NOT NULL
              AND status = 'pending' AND concurrency_key IS NULL AND type IS NOT NULL AND kind = %(kind)s::text
              AND (queue, tenant, type) > (%(typed_queue)s::text, %(typed_tenant)s::uuid, %(typed_name)s::text)
            ORDER BY queue, tenant, type LIMIT 1
        )
        UNION ALL
        (
            SELECT queue, tenant, type, true FROM tasks
            WHERE %(types)s::text[] IS NOT NULL
              AND status = 'pending' AND concurrency_key IS NULL AND type IS NOT NULL AND kind = %(kind)s::text
            ORDER BY queue, tenant, type LIMIT 1
        )
        LIMIT 1
    ) AS first
    UNION ALL
    SELECT typed.step + 1, next.* FROM typed, LATERAL (
        (
            SELECT queue, tenant, type, typed.wrapped AS wrapped FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NULL AND type IS NOT NULL AND kind = %(kind)s::text
              AND (queue, tenant, type) > (typed.queue, typed.tenant, typed.name)
            ORDER BY queue, tenant, type LIMIT 1
        )
        UNION ALL
        (
            SELECT queue, tenant, type, true FROM tasks
            WHERE NOT typed.wrapped
              AND status = 'pending' AND concurrency_key IS NULL AND type IS NOT NULL AND kind = %(kind)s::text
            ORDER BY queue, tenant, type LIMIT 1
        )
        LIMIT 1
    ) AS next
    WHERE typed.step < 4 * %(walk)s::int
      AND NOT (
          next.wrapped
          AND (next.queue, next.tenant, next.type) > (%(typed_queue)s::text, %(typed_tenant)s::uuid, %(typed_name)s::text)
      )
), keyed (step, queue, tenant, name, wrapped) AS (
    SELECT 1, first.* FROM (
        (
            SELECT queue, tenant, concurrency_key, false AS wrapped FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NOT NULL AND kind = %(kind)s::text
              AND (queue, tenant, concurrency_key) > (%(keyed_queue)s::text, %(keyed_tenant)s::uuid, %(keyed_name)s::text)
            ORDER BY queue, tenant, concurrency_key LIMIT 1
        )
        UNION ALL
        (
            SELECT queue, tenant, concurrency_key, true FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NOT NULL AND kind = %(kind)s::text
            ORDER BY queue, tenant, concurrency_key LIMIT 1
        )
        LIMIT 1
    ) AS first
    UNION ALL
    SELECT keyed.step + 1, next.* FROM keyed, LATERAL (
        (
            SELECT queue, tenant, concurrency_key, keyed.wrapped AS wrapped FROM tasks
            WHERE status = 'pending' AND concurrency_key IS NOT NULL AND kind = %(kind)s::text
              AND (queue, tenant, concurrency_key) > (keyed.queue, keyed.tenant, keyed.name)
            ORDER BY queue, tenant, concurrency_key LIMIT 1
        )
        UNION ALL
        (
            SELECT queue, tenant, concurrency_key, true FROM tasks
            WHERE NOT keyed.wrapped
              AND status = 'pending' AND concurrency_key IS NOT NULL AND kind = %(kind)s::text
            ORDER BY queue, tenant, concurrency_key LIMIT 1
        )
        LIMIT 1
    ) AS next
    WHERE keyed.step < 4 * %(walk)s::int
      AND NOT (
          next.wrapped
          AND (next.queue, next.tenant, next.concurrency_key)
              > (%(keyed_queue)s::text, %(keyed_tenant)s::uuid, %(keyed_name)s::text)
      )
), source AS MATERIALIZED (
    SELECT 'flow' AS way, step, queue, tenant, NULL AS name FROM flow
    WHERE EXISTS (
        SELECT FROM task_queues AS rules
        WHERE rules.queue = flow.queue AND (rules.max_running IS NOT NULL OR rules.rate_limit IS NOT NULL)
    )
    UNION
    -- What tenants with limits have in queues without any.
    SELECT 'flow', 0, queues.queue, limits.tenant, NULL
    FROM task_tenants AS limits, (SELECT DISTINCT queue FROM flow) AS queues
    WHERE NOT limits.paused AND limits.max_running IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM task_queues AS rules
          WHERE rules.queue = queues.queue AND (rules.max_running IS NOT NULL OR rules.rate_limit IS NOT NULL)
      )
    UNION ALL
    SELECT 'type', step, queue, tenant, name FROM typed WHERE name LIKE ANY (%(types)s::text[])
    UNION ALL
    SELECT 'key', step, queue, tenant, name FROM keyed
), queue_room AS MATERIALIZED (
    SELECT queue, paused, max_running_per_key, max_attempts, retry, timeout_ms, rate_limit, floor(rated)::int AS rated,
        max_running - (SELECT count(*)::int FROM tasks WHERE status = 'running' AND queue = rules.queue) AS free
    FROM (
        SELECT *, least(
            rate_limit,
            coalesce(
                rate_left + rate_limit * 1000.0 / rate_period_ms
                    * extract(epoch FROM coalesce(%(now)s::timestamptz, statement_timestamp()) - rated_at)::float8,
                rate_limit
            )
        ) AS rated
        FROM task_queues
    ) AS rules
), tenant_room AS MATERIALIZED (
    SELECT tenant, paused,
        -- Queues are few: each is asked for its tasks of the tenant.
        max_running - (SELECT count(*)::int FROM tasks WHERE status = 'running' AND tenant = limits.tenant) AS free
    FROM task_tenants AS limits
), open AS MATERIALIZED (
    SELECT source.*, queue_room.max_attempts, queue_room.retry, queue_room.timeout_ms,
        least(queue_room.free, queue_room.rated) AS queue_free,
        tenant_room.free AS tenant_free,
        CASE WHEN way = 'key' THEN coalesce(queue_room.max_running_per_key, 1) - (
            SELECT count(*)::int FROM tasks AS running
            WHERE running.status = 'running' AND running.queue = source.queue
              AND running.tenant = source.tenant AND running.concurrency_key = source.name
        ) END AS key_free
    FROM source
    LEFT JOIN queue_room ON queue_room.queue = source.queue
    LEFT JOIN tenant_room ON tenant_room.tenant = source.tenant
    WHERE queue_room.paused IS NOT TRUE AND tenant_room.paused IS NOT TRUE
      AND (%(queues)s::text[] IS NULL OR source.queue = ANY (%(queues)s::text[]))
), candidate AS MATERIALIZED (
    SELECT open.*, due.*
    FROM open, LATERAL (
        (
            SELECT id, priority, scheduled_at FROM tasks
            WHERE open.way = 'flow' AND status = 'pending' AND concurrency_key IS NULL
              AND kind = %(kind)s::text AND queue = open.queue AND tenant = open.tenant
              AND scheduled_at <= coalesce(%(now)s::timestamptz, statement_timestamp())
            ORDER BY priority DESC, scheduled_at
            LIMIT greatest(0, least(%(most)s::int, queue_free, tenant_free))
        )
        UNION ALL
        (
            SELECT id, priority, scheduled_at FROM tasks
            WHERE open.way = 'type' AND status = 'pending' AND concurrency_key IS NULL AND type = open.name
              AND kind = %(kind)s::text AND queue = open.queue AND tenant = open.tenant
              AND scheduled_at <= coalesce(%(now)s::timestamptz, statement_timestamp())
            ORDER BY priority DESC, scheduled_at
            LIMIT greatest(0, least(%(most)s::int, queue_free, tenant_free))
        )
        UNION ALL
        (
            SELECT id, priority, scheduled_at FROM tasks
            WHERE open.way = 'key' AND status = 'pending' AND concurrency_key = open.name
              AND kind = %(kind)s::text AND queue = open.queue AND tenant = open.tenant
              AND scheduled_at <= coalesce(%(now)s::timestamptz, statement_timestamp())
              AND (%(types)s::text[] IS NULL OR type LIKE ANY (%(types)s::text[]))
            ORDER BY priority DESC, scheduled_at
            LIMIT greatest(0, least(%(most)s::int, queue_free, tenant_free, key_free))
        )
    ) AS due
), by_tenant AS (
    -- One limit after the other, each over what the one before let pass.
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY tenant ORDER BY priority DESC, scheduled_at, id) AS in_tenant
        FROM candidate
    ) AS numbered
    WHERE tenant_free IS NULL OR in_tenant <= tenant_free
), by_queue AS (
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY queue ORDER BY in_tenant, priority DESC, scheduled_at, id) AS in_queue
        FROM by_tenant
    ) AS numbered
    WHERE queue_free IS NULL OR in_queue <= queue_free
), taken AS MATERIALIZED (
    SELECT by_queue.way, by_queue.step, by_queue.max_attempts, by_queue.retry, by_queue.timeout_ms, task.id, by_queue.name
    FROM by_queue, tasks AS task
    -- The state is looked at once the row is locked, and not by an index.
    WHERE task.id = by_queue.id AND task.status || '' = 'pending'
    ORDER BY by_queue.in_tenant, by_queue.priority DESC, by_queue.scheduled_at
    LIMIT %(most)s::int
    FOR NO KEY UPDATE OF task SKIP LOCKED
), claimed AS (
    UPDATE tasks AS task
    SET status = 'running',
        attempts = task.attempts + 1,
        lease_id = task_lease(%(draw)s::uuid, task.id),
        leased_until = coalesce(%(now)s::timestamptz, statement_timestamp()) + make_interval(secs => %(lease_s)s::float8),
        leased_by = %(executor)s::text,
        started_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
        updated_at = coalesce(%(now)s::timestamptz, statement_timestamp())
    FROM taken
    WHERE task.id = taken.id
    RETURNING task.id, task.lease_id, task.tenant, task.queue, task.kind, task.script, task.worker, task.type, task.key,
        task.concurrency_key, task.priority, task.payload::text AS payload, task.options::text AS options, task.attempts,
        coalesce(task.max_attempts, taken.max_attempts) AS max_attempts,
        coalesce(task.retry, taken.retry)::text AS retry,
        coalesce(task.timeout_ms, taken.timeout_ms) AS timeout_ms,
        task.trace, task.created_at, task.scheduled_at, task.started_at, taken.step, taken.way, taken.name
), spent AS (
    UPDATE task_queues AS rules
    SET rate_left = queue_room.rated_exact - starts.number, rated_at = coalesce(%(now)s::timestamptz, statement_timestamp())
    FROM (SELECT queue, count(*) AS number FROM claimed GROUP BY queue) AS starts,
        LATERAL (
            SELECT least(
                bucket.rate_limit,
                coalesce(
                    bucket.rate_left + bucket.rate_limit * 1000.0 / bucket.rate_period_ms
                        * extract(epoch FROM coalesce(%(now)s::timestamptz, statement_timestamp()) - bucket.rated_at)::float8,
                    bucket.rate_limit
                )
            ) AS rated_exact
            FROM task_queues AS bucket WHERE bucket.queue = starts.queue
        ) AS queue_room
    WHERE rules.queue = starts.queue AND rules.rate_limit IS NOT NULL
)
SELECT * FROM claimed
UNION ALL
SELECT NULL, NULL, tenant, queue, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, step, way, name
FROM (
    (SELECT 'type' AS way, step, queue, tenant, name FROM typed ORDER BY step DESC LIMIT 1)
    UNION ALL
    (SELECT 'key', step, queue, tenant, name FROM keyed ORDER BY step DESC LIMIT 1)
) AS last
WHERE NOT EXISTS (SELECT FROM claimed) AND last.step = 4 * %(walk)s::int;

-- name: look
-- Seconds until the next task is due that was not due `back_s` ago (NULL: none), and whether there is something for claim_ruled.
SELECT
    (
        SELECT extract(epoch FROM min(scheduled_at) - coalesce(%(now)s::timestamptz, statement_timestamp()))::float8
        FROM tasks
        WHERE status = 'pending' AND scheduled_at > created_at
          AND scheduled_at > coalesce(%(now)s::timestamptz, statement_timestamp()) - make_interval(secs => %(back_s)s::float8)
    ),
    EXISTS (SELECT FROM task_queues WHERE NOT paused AND (max_running IS NOT NULL OR rate_limit IS NOT NULL))
    OR EXISTS (SELECT FROM task_tenants WHERE NOT paused AND max_running IS NOT NULL)
    OR EXISTS (SELECT FROM tasks WHERE status = 'pending' AND concurrency_key IS NOT NULL AND kind = ANY (%(kinds)s::text[]));

-- Who holds a lease is known by its id alone, as only running tasks have one. The state is not asked for below: each row is to be
-- found by its primary key.

-- name: renew
-- Returns the leases that are still held.
UPDATE tasks AS task
SET leased_until = coalesce(%(now)s::timestamptz, statement_timestamp()) + make_interval(secs => %(lease_s)s::float8)
FROM unnest(%(ids)s::uuid[], %(leases)s::uuid[]) AS held (id, lease)
WHERE task.id = held.id AND task.lease_id = held.lease
RETURNING task.lease_id;

-- name: complete
-- The frequent end, in short. Returns the leases that were still held.
UPDATE tasks AS task
SET status = 'completed',
    result = held.result::jsonb,
    error = NULL,
    completed_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
    updated_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
    lease_id = NULL, leased_until = NULL
FROM unnest(%(ids)s::uuid[], %(leases)s::uuid[], %(results)s::text[]) AS held (id, lease, result)
WHERE task.id = held.id AND task.lease_id = held.lease
RETURNING held.lease;

-- name: settle
-- Any end. `again` or `after_s` say when a task that becomes pending is due; without both it is due as it was. Without a result the one
-- of the attempt before stays.
UPDATE tasks AS task
SET status = held.status,
    result = coalesce(held.result::jsonb, task.result),
    error = coalesce(held.error, task.error),
    errors = CASE WHEN held.entry IS NULL THEN task.errors ELSE coalesce(task.errors, '[]') || held.entry::jsonb END,
    attempts = task.attempts - held.uncounted,
    scheduled_at = coalesce(
        held.again,
        coalesce(%(now)s::timestamptz, statement_timestamp()) + make_interval(secs => held.after_s),
        task.scheduled_at
    ),
    completed_at = CASE WHEN held.status <> 'pending' THEN coalesce(%(now)s::timestamptz, statement_timestamp()) END,
    updated_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
    lease_id = NULL, leased_until = NULL
FROM unnest(
    %(ids)s::uuid[], %(leases)s::uuid[], %(statuses)s::text[], %(errors)s::text[], %(entries)s::text[],
    %(uncounted)s::int[], %(agains)s::timestamptz[], %(afters)s::float8[], %(results)s::text[]
) AS held (id, lease, status, error, entry, uncounted, again, after_s, result)
WHERE task.id = held.id AND task.lease_id = held.lease
RETURNING held.lease;


-- name: rescue
-- Tasks whose holder let its lease end: pending again, or failed when they have taken too many with them. An http task loses no attempt
-- by that, as what it asks for can not have ended its executor; but one whose executors were lost so many times in a row has failed.
WITH lost AS MATERIALIZED (
    SELECT id FROM tasks
    WHERE status = 'running' AND leased_until < coalesce(%(now)s::timestamptz, statement_timestamp())
    LIMIT %(most)s::int
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE tasks AS task
SET status = CASE WHEN allowed.again THEN 'pending' ELSE 'failed' END,
    attempts = task.attempts - CASE WHEN task.kind = 'http' AND allowed.again THEN 1 ELSE 0 END,
    error = reason.text,
    errors = coalesce(task.errors, '[]') || jsonb_build_object(
        'attempt', task.attempts, 'at', coalesce(%(now)s::timestamptz, statement_timestamp()),
        'error', reason.text, 'reason', 'lost', 'by', task.leased_by
    ),
    completed_at = CASE WHEN allowed.again THEN NULL ELSE coalesce(%(now)s::timestamptz, statement_timestamp()) END,
    updated_at = coalesce(%(now)s::timestamptz, statement_timestamp()),
    lease_id = NULL, leased_until = NULL
FROM lost, LATERAL (
    SELECT self.leased_by, CASE
        WHEN self.kind = 'http' THEN %(max_attempts)s::int > 1 + (
            SELECT count(*)
            FROM jsonb_array_elements(CASE jsonb_typeof(self.errors) WHEN 'array' THEN self.errors END) AS before
            WHERE before @> jsonb_build_object('reason', 'lost', 'attempt', self.attempts)
        )
        ELSE self.attempts < coalesce(
            self.max_attempts,
            (SELECT max_attempts FROM task_queues AS rules WHERE rules.queue = self.queue),
            %(max_attempts)s::int
        )
    END AS again
    FROM tasks AS self WHERE self.id = lost.id
) AS allowed, LATERAL (
    SELECT 'its executor ' || coalesce(allowed.leased_by, '?') || ' was lost while it ran' AS text
) AS reason
WHERE task.id = lost.id
RETURNING task.id, task.tenant, task.queue, task.kind, task.type, task.key, task.attempts, task.status, task.error;
