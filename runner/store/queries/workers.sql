-- Workers. What is asked for by a name or an id is asked for in one tenant.

-- name: workers
SELECT w.id, w.name, w.user_id AS tenant, u.username AS tenant_name, coalesce(p.environment_id, w.environment_id) AS environment,
       w.project_id AS project, w.current_version AS version, w.public, w.cpu_ms, w.wall_ms, w.context_reuse, w.managed_by,
       w.created_at, w.updated_at
FROM workers AS w
JOIN users AS u ON u.id = w.user_id
LEFT JOIN projects AS p ON p.id = w.project_id AND p.user_id = w.user_id
WHERE (%(tenant)s::uuid IS NULL OR w.user_id = %(tenant)s)
ORDER BY u.username, w.name, w.created_at
LIMIT %(limit)s;

-- name: worker
SELECT w.id, w.name, w.user_id AS tenant, u.username AS tenant_name, coalesce(p.environment_id, w.environment_id) AS environment,
       w.project_id AS project, w.current_version AS version, w.public, w.cpu_ms, w.wall_ms, w.context_reuse, w.managed_by,
       w.created_at, w.updated_at
FROM workers AS w
JOIN users AS u ON u.id = w.user_id
LEFT JOIN projects AS p ON p.id = w.project_id AND p.user_id = w.user_id
WHERE w.user_id = %(tenant)s
  AND (w.id = %(id)s::uuid OR (%(id)s::uuid IS NULL AND lower(w.name) = lower(%(name)s)))
ORDER BY w.name = %(name)s DESC
LIMIT 1;

-- name: callable_worker
-- By its name or id: an own one, or one that its tenant published.
SELECT id FROM workers
WHERE (user_id = %(tenant)s OR public)
  AND (id = %(id)s::uuid OR (%(id)s::uuid IS NULL AND lower(name) = lower(%(name)s)))
LIMIT 1;

-- name: add_worker
INSERT INTO workers (id, name, user_id) VALUES (coalesce(%(id)s::uuid, gen_random_uuid()), %(name)s, %(tenant)s);

-- name: manage_worker
UPDATE workers SET managed_by = %(managed_by)s WHERE id = %(id)s AND managed_by IS DISTINCT FROM %(managed_by)s;

-- name: managed_workers
SELECT name FROM workers WHERE user_id = %(tenant)s AND managed_by = %(managed_by)s AND name IS NOT NULL;

-- name: set_worker
UPDATE workers
SET public = CASE WHEN %(with_public)s THEN %(public)s ELSE public END,
    cpu_ms = CASE WHEN %(with_cpu_ms)s THEN %(cpu_ms)s ELSE cpu_ms END,
    wall_ms = CASE WHEN %(with_wall_ms)s THEN %(wall_ms)s ELSE wall_ms END,
    context_reuse = CASE WHEN %(with_context_reuse)s THEN %(context_reuse)s ELSE context_reuse END
WHERE id = %(id)s AND user_id = %(tenant)s;

-- name: delete_worker
DELETE FROM workers WHERE id = %(id)s AND user_id = %(tenant)s;
