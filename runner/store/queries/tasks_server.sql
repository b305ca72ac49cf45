-- The tasks server: owners, their tasks (rows of tasks with kind 'http'), and how often clients ask. Times are milliseconds since 1970.

-- name: owner_add
INSERT INTO tasks_owners (id, name, key_hash) VALUES (%(id)s::uuid, %(name)s::text, %(key_hash)s::bytea)
ON CONFLICT (name) DO NOTHING
RETURNING id;

-- name: owner_key
SELECT name, key_hash FROM tasks_owners WHERE id = %(owner)s::uuid;

-- name: owner_get
SELECT floor(extract(epoch FROM created_at) * 1000)::bigint, (
    SELECT count(*) FROM tasks
    WHERE tenant = %(owner)s::uuid AND kind = 'http' AND status IN ('pending', 'running', 'paused')
)
FROM tasks_owners
WHERE id = %(owner)s::uuid;

-- name: owner_remove
SELECT remove_tasks_owner(%(owner)s::uuid);

-- name: http_register
SELECT task, created_ms, scheduled_ms FROM register_http_tasks(
    %(owners)s::uuid[], %(ids)s::uuid[], %(options)s::text[], %(delays)s::bigint[], %(ats)s::bigint[], %(most)s::int
);

-- name: http_find
-- Each is found by its id, and is there for its owner alone.
SELECT task.id, task.tenant, task.status,
    floor(extract(epoch FROM task.created_at) * 1000)::bigint,
    coalesce(floor(extract(epoch FROM task.completed_at) * 1000)::bigint, 0),
    floor(extract(epoch FROM task.scheduled_at) * 1000)::bigint,
    task.options::text, task.result::text
FROM unnest(%(ids)s::uuid[], %(owners)s::uuid[]) AS asked (id, owner)
JOIN tasks AS task ON task.id = asked.id
WHERE task.tenant = asked.owner AND task.kind = 'http';

-- name: http_list
-- All live ones, which are few, and as many of each way to end as may be on the page. In braces: the column and the direction.
SELECT page.id, page.status, (
        SELECT coalesce((result ->> 'statusCode')::int, 0) FROM tasks WHERE id = page.id
    ),
    floor(extract(epoch FROM page.created_at) * 1000)::bigint,
    coalesce(floor(extract(epoch FROM page.completed_at) * 1000)::bigint, 0),
    floor(extract(epoch FROM page.scheduled_at) * 1000)::bigint
FROM (
    SELECT * FROM (
        (
            SELECT id, status, created_at, completed_at, scheduled_at FROM tasks
            WHERE tenant = %(owner)s::uuid AND kind = 'http' AND status IN ('pending', 'running', 'paused')
              AND status = ANY (%(statuses)s::text[]) AND ARRAY['pending', 'running', 'paused'] && %(statuses)s::text[]
        )
        UNION ALL
        (
            SELECT id, status, created_at, completed_at, scheduled_at FROM tasks
            WHERE tenant = %(owner)s::uuid AND kind = 'http' AND status = 'completed'
              AND 'completed' = ANY (%(statuses)s::text[])
            ORDER BY {column} {way}, id {way}
            LIMIT %(limit)s::int + %(offset)s::int
        )
        UNION ALL
        (
            SELECT id, status, created_at, completed_at, scheduled_at FROM tasks
            WHERE tenant = %(owner)s::uuid AND kind = 'http' AND status = 'failed'
              AND 'failed' = ANY (%(statuses)s::text[])
            ORDER BY {column} {way}, id {way}
            LIMIT %(limit)s::int + %(offset)s::int
        )
        UNION ALL
        (
            SELECT id, status, created_at, completed_at, scheduled_at FROM tasks
            WHERE tenant = %(owner)s::uuid AND kind = 'http' AND status = 'cancelled'
              AND 'cancelled' = ANY (%(statuses)s::text[])
            ORDER BY {column} {way}, id {way}
            LIMIT %(limit)s::int + %(offset)s::int
        )
    ) AS one
    ORDER BY coalesce({column}, 'epoch') {way}, id {way}
    LIMIT %(limit)s::int OFFSET %(offset)s::int
) AS page
ORDER BY coalesce(page.{column}, 'epoch') {way}, page.id {way};

-- The steps of a task's owner. Each is one statement, which returns nothing when the task is not the owner's, or in another state. Whoever
-- runs the task hears that its lease is void, and ends its request; who missed it finds out when the lease is to be renewed.

-- name: http_execute
-- Now, whatever it waits for.
WITH changed AS (
    UPDATE tasks
    SET scheduled_at = date_trunc('milliseconds', statement_timestamp()), updated_at = statement_timestamp()
    WHERE id = %(id)s::uuid AND tenant = %(owner)s::uuid AND kind = 'http' AND status IN ('pending', 'running')
    RETURNING id
)
SELECT id, pg_notify('tasks_created', '') FROM changed;

-- name: http_pause
-- An attempt under way is aborted, and costs none.
WITH before AS MATERIALIZED (
    SELECT id, status, lease_id FROM tasks
    WHERE id = %(id)s::uuid AND tenant = %(owner)s::uuid AND kind = 'http' AND status IN ('pending', 'running')
    FOR NO KEY UPDATE
), changed AS (
    UPDATE tasks AS task
    SET status = 'paused',
        attempts = CASE before.status WHEN 'running' THEN task.attempts - 1 ELSE task.attempts END,
        completed_at = date_trunc('milliseconds', statement_timestamp()), updated_at = statement_timestamp(),
        lease_id = NULL, leased_until = NULL
    FROM before
    WHERE task.id = before.id
    RETURNING task.id, before.lease_id
)
SELECT id, CASE WHEN lease_id IS NOT NULL THEN pg_notify('tasks_cancelled', lease_id::text) END FROM changed;

-- name: http_resume
-- What was left of its delay when it was paused is left now.
WITH changed AS (
    UPDATE tasks AS task
    SET status = 'pending',
        scheduled_at = date_trunc('milliseconds', statement_timestamp())
            + greatest(interval '0', task.scheduled_at - coalesce(task.completed_at, task.updated_at)),
        completed_at = NULL, updated_at = statement_timestamp()
    WHERE id = %(id)s::uuid AND tenant = %(owner)s::uuid AND kind = 'http' AND status = 'paused'
    RETURNING task.id, task.status, task.created_at, task.scheduled_at, task.options, task.result
)
SELECT id, status, floor(extract(epoch FROM created_at) * 1000)::bigint, 0::bigint,
    floor(extract(epoch FROM scheduled_at) * 1000)::bigint, options::text, result::text, pg_notify('tasks_created', '')
FROM changed;

-- name: http_revoke
WITH before AS MATERIALIZED (
    SELECT id, lease_id FROM tasks
    WHERE id = %(id)s::uuid AND tenant = %(owner)s::uuid AND kind = 'http' AND status IN ('pending', 'running', 'paused')
    FOR NO KEY UPDATE
), changed AS (
    UPDATE tasks AS task
    SET status = 'cancelled', result = NULL, error = 'it was revoked',
        completed_at = date_trunc('milliseconds', statement_timestamp()), updated_at = statement_timestamp(),
        lease_id = NULL, leased_until = NULL
    FROM before
    WHERE task.id = before.id
    RETURNING task.id, before.lease_id
)
SELECT id, CASE WHEN lease_id IS NOT NULL THEN pg_notify('tasks_cancelled', lease_id::text) END FROM changed;

-- name: http_delete
WITH changed AS (
    DELETE FROM tasks
    WHERE id = %(id)s::uuid AND tenant = %(owner)s::uuid AND kind = 'http'
    RETURNING id, lease_id
)
SELECT id, CASE WHEN lease_id IS NOT NULL THEN pg_notify('tasks_cancelled', lease_id::text) END FROM changed;

-- name: http_edit
-- Only as long as nobody else has changed it, and nobody executes it. With `at` it is scheduled anew; of one that is paused that is what it
-- has left.
WITH changed AS (
    UPDATE tasks AS task
    SET options = to_jsonb(%(options)s::text),
        scheduled_at = least(coalesce(to_timestamp(%(at)s::bigint / 1000.0), task.scheduled_at), '9999-12-31 00:00:00Z'),
        completed_at = CASE
            WHEN task.status = 'paused' AND %(at)s::bigint IS NOT NULL THEN date_trunc('milliseconds', statement_timestamp())
            ELSE task.completed_at
        END,
        updated_at = statement_timestamp()
    WHERE id = %(id)s::uuid AND tenant = %(owner)s::uuid AND kind = 'http' AND status IN ('pending', 'paused')
      AND options = %(before)s::text::jsonb
    RETURNING task.id, task.status, task.created_at, task.completed_at, task.scheduled_at, task.options, task.result
)
SELECT id, status, floor(extract(epoch FROM created_at) * 1000)::bigint,
    coalesce(floor(extract(epoch FROM completed_at) * 1000)::bigint, 0),
    floor(extract(epoch FROM scheduled_at) * 1000)::bigint, options::text, result::text, pg_notify('tasks_created', '')
FROM changed;

-- name: throttle_count
-- One more request of a client; returns how many there were in its window, and the milliseconds that are left of that.
INSERT INTO tasks_throttle AS seen (client, requests, ends_at)
VALUES (%(client)s::text, 1, statement_timestamp() + make_interval(secs => %(window_s)s::float8))
ON CONFLICT (client) DO UPDATE SET
    requests = CASE WHEN seen.ends_at <= statement_timestamp() THEN 1 ELSE seen.requests + 1 END,
    ends_at = CASE WHEN seen.ends_at <= statement_timestamp() THEN excluded.ends_at ELSE seen.ends_at END
RETURNING requests, extract(epoch FROM ends_at - statement_timestamp())::float8;

-- name: throttle_sweep
DELETE FROM tasks_throttle WHERE ends_at < statement_timestamp() - interval '1 minute';

-- name: owner_lock
SELECT id FROM tasks_owners WHERE id = %(owner)s::uuid FOR NO KEY UPDATE;

-- name: certificate_add
-- Nothing is returned when the owner has `most` already; the owner is locked.
INSERT INTO tasks_certificates (id, owner, name, holds, size, sealed)
SELECT %(id)s::uuid, owner.id, %(name)s::text, %(holds)s::text, %(size)s::int, %(sealed)s::bytea
FROM tasks_owners AS owner
WHERE owner.id = %(owner)s::uuid
  AND (SELECT count(*) FROM tasks_certificates AS others WHERE others.owner = %(owner)s::uuid) < %(most)s::int
RETURNING floor(extract(epoch FROM created_at) * 1000)::bigint;

-- name: certificate_list
SELECT id, name, holds, size, floor(extract(epoch FROM created_at) * 1000)::bigint
FROM tasks_certificates
WHERE owner = %(owner)s::uuid
ORDER BY id;

-- name: certificate_get
SELECT id, sealed FROM tasks_certificates WHERE id = ANY (%(ids)s::uuid[]) AND owner = %(owner)s::uuid;

-- name: certificate_remove
DELETE FROM tasks_certificates WHERE id = %(id)s::uuid AND owner = %(owner)s::uuid RETURNING id;
