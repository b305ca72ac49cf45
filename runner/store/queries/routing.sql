-- What leads to workers: domains, and projects with their routes.

-- name: domains
SELECT d.name, d.worker_id AS worker, d.project_id AS project, coalesce(w.name, p.name) AS target, d.from_manifest, d.created_at
FROM domains AS d
LEFT JOIN workers AS w ON w.id = d.worker_id
LEFT JOIN projects AS p ON p.id = d.project_id
WHERE d.user_id = %(tenant)s
ORDER BY d.name;

-- name: domain_owner
SELECT user_id FROM domains WHERE lower(name) = %(name)s LIMIT 1;

-- name: set_domain
INSERT INTO domains (name, user_id, worker_id, project_id, from_manifest)
VALUES (%(name)s, %(tenant)s, %(worker)s, %(project)s, %(from_manifest)s)
ON CONFLICT (name) DO UPDATE
SET worker_id = excluded.worker_id, project_id = excluded.project_id, from_manifest = excluded.from_manifest
WHERE domains.user_id = excluded.user_id
  AND (domains.worker_id, domains.project_id, domains.from_manifest)
      IS DISTINCT FROM (excluded.worker_id, excluded.project_id, excluded.from_manifest);

-- name: unset_domain
DELETE FROM domains WHERE user_id = %(tenant)s AND lower(name) = %(name)s;

-- name: unset_manifest_domains
DELETE FROM domains
WHERE user_id = %(tenant)s AND worker_id = %(worker)s AND from_manifest AND NOT name = ANY (%(names)s::text[]);

-- name: projects
SELECT id, name, environment_id AS environment, created_at FROM projects WHERE user_id = %(tenant)s ORDER BY name;

-- name: project
SELECT id, name, environment_id AS environment, created_at FROM projects
WHERE user_id = %(tenant)s
  AND (id = %(id)s::uuid OR (%(id)s::uuid IS NULL AND lower(name) = lower(%(name)s)))
ORDER BY name = %(name)s DESC
LIMIT 1;

-- name: make_project
SELECT upgrade_worker_to_project(%(worker)s::uuid);

-- name: routes
SELECT r.pattern, r.priority, r.backend_type::text AS backend, r.worker_id AS worker, w.name AS target, r.from_manifest, r.created_at
FROM project_routes AS r
LEFT JOIN workers AS w ON w.id = r.worker_id
JOIN projects AS p ON p.id = r.project_id
WHERE r.project_id = %(project)s AND p.user_id = %(tenant)s
ORDER BY route_pattern_specificity(r.pattern) DESC, r.priority DESC, r.pattern;

-- name: set_route
INSERT INTO project_routes (project_id, pattern, priority, backend_type, worker_id, from_manifest)
VALUES (%(project)s, %(pattern)s, %(priority)s, %(backend)s::enum_backend_type, %(worker)s, %(from_manifest)s)
ON CONFLICT (project_id, pattern) DO UPDATE
SET priority = excluded.priority, backend_type = excluded.backend_type, worker_id = excluded.worker_id,
    from_manifest = excluded.from_manifest
WHERE (project_routes.priority, project_routes.backend_type, project_routes.worker_id, project_routes.from_manifest)
    IS DISTINCT FROM (excluded.priority, excluded.backend_type, excluded.worker_id, excluded.from_manifest);

-- name: unset_route
DELETE FROM project_routes
WHERE pattern = %(pattern)s AND project_id = (SELECT id FROM projects WHERE id = %(project)s AND user_id = %(tenant)s);

-- name: unset_manifest_routes
DELETE FROM project_routes AS r
USING projects AS p
WHERE p.id = r.project_id AND p.user_id = %(tenant)s AND r.worker_id = %(worker)s AND r.from_manifest
  AND NOT EXISTS (
      SELECT FROM unnest(%(projects)s::uuid[], %(patterns)s::text[]) AS kept (project, pattern)
      WHERE kept.project = r.project_id AND kept.pattern = r.pattern
  );
