-- From a request to a worker, and to all that it takes to run it. The rules are those of resolve_worker_from_request, cut
-- in pieces that can be remembered: what a name or host leads to, then which route of a project has a path.

-- name: find_target
-- A custom domain wins over a name below a worker domain; a project wins over its main worker.
SELECT worker_id AS worker, project_id AS project
FROM (
    (
        SELECT 1 AS turn, d.worker_id, d.project_id
        FROM domains AS d
        LEFT JOIN workers AS w ON w.id = d.worker_id
        LEFT JOIN projects AS p ON p.id = d.project_id
        WHERE lower(d.name) = %(host)s AND d.user_id = coalesce(w.user_id, p.user_id)
        ORDER BY d.created_at
        LIMIT 1
    )
    UNION ALL
    (
        SELECT 2, e.worker_id, e.project_id
        FROM endpoints AS e
        WHERE lower(e.name) = %(name)s
        -- The very spelling over another.
        ORDER BY e.type DESC, e.name = %(name)s DESC, e.created_at
        LIMIT 1
    )
) AS ways
ORDER BY turn
LIMIT 1;

-- name: routes_of_project
-- In the order in which they are tried.
SELECT r.pattern, r.backend_type::text AS backend, r.worker_id AS worker, r.priority
FROM project_routes AS r
JOIN projects AS p ON p.id = r.project_id
LEFT JOIN workers AS w ON w.id = r.worker_id
WHERE r.project_id = %(project)s AND (r.worker_id IS NULL OR w.user_id = p.user_id)
ORDER BY route_pattern_specificity(r.pattern) DESC, r.priority DESC, r.pattern;

-- name: route_of_path
-- A prerendered page is there under its file's name, too.
SELECT r.pattern, r.backend_type::text AS backend, r.worker_id AS worker, r.priority
FROM project_routes AS r
JOIN projects AS p ON p.id = r.project_id
LEFT JOIN workers AS w ON w.id = r.worker_id
WHERE r.project_id = %(project)s AND (r.worker_id IS NULL OR w.user_id = p.user_id)
  AND (match_route_pattern(%(path)s, r.pattern) OR %(path)s = r.pattern || '.html')
ORDER BY route_pattern_specificity(r.pattern) DESC, r.priority DESC, r.pattern
LIMIT 1;

-- name: worker_to_run
SELECT w.id, coalesce(w.name, w.id::text) AS name, w.user_id AS tenant, w.public, w.cpu_ms, w.wall_ms, w.context_reuse,
       w.project_id AS project, coalesce(p.environment_id, w.environment_id) AS environment,
       d.version, d.hash, d.assets_binding, d.code_type::text, d.code, d.main, d.stripped
FROM workers AS w
LEFT JOIN projects AS p ON p.id = w.project_id AND p.user_id = w.user_id
LEFT JOIN worker_deployments AS d ON d.worker_id = w.id AND d.version = w.current_version
WHERE w.id = %(worker)s;

-- name: values_to_run
-- What a binding leads to is NULL where it is gone, or somebody else's.
SELECT v.id, v.key, v.type::text, v.value, v.sealed, v.manifest_of IS NULL AS by_hand, k.id AS kv, t.id AS service, e.id AS tasks,
       s.id AS storage, s.bucket, s.prefix, s.endpoint, s.region, s.access_key_id, s.secret_access_key, s.secret_access_key_sealed,
       b.id AS database, b.provider::text, b.schema_name, b.connection_string, b.connection_string_sealed, b.max_rows,
       b.timeout_seconds
FROM environment_values AS v
LEFT JOIN kv_configs AS k ON k.user_id = v.user_id AND k.id = CASE WHEN v.type = 'kv' THEN v.value::uuid END
LEFT JOIN storage_configs AS s
    ON s.user_id = v.user_id AND s.id = CASE WHEN v.type IN ('storage', 'assets') THEN v.value::uuid END
LEFT JOIN database_configs AS b ON b.user_id = v.user_id AND b.id = CASE WHEN v.type = 'database' THEN v.value::uuid END
LEFT JOIN workers AS t
    ON (t.user_id = v.user_id OR t.public) AND t.id = CASE WHEN v.type = 'worker' THEN v.value::uuid END
LEFT JOIN workers AS e ON e.user_id = v.user_id AND e.id = CASE WHEN v.type = 'tasks' THEN v.value::uuid END
WHERE v.environment_id = %(environment)s AND v.user_id = %(tenant)s
ORDER BY v.key;

-- name: project_to_serve
-- Whose files a route to storage means.
SELECT p.id, p.name, p.user_id AS tenant, coalesce(p.environment_id, w.environment_id) AS environment,
       d.version, d.hash, d.assets_binding
FROM projects AS p
JOIN workers AS w ON w.id = p.id AND w.user_id = p.user_id
LEFT JOIN worker_deployments AS d ON d.worker_id = w.id AND d.version = w.current_version
WHERE p.id = %(project)s;
