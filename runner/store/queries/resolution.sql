-- From a request to a worker.

-- name: resolve_request
-- A custom domain wins over a name below a worker domain; both are asked only when no header names a worker.
-- All NULL: nothing found. Only project_id: it has no route for the path.
SELECT worker_id, project_id, backend_type::text, assets_storage_id, priority
FROM (
    SELECT 1 AS turn, found.*
    FROM resolve_worker_from_request(
        %(host)s::text, %(worker_id)s::uuid, %(worker_name)s::text, %(path)s::text
    ) AS found
    UNION ALL
    SELECT 2, found.*
    FROM resolve_worker_from_request(NULL, NULL, %(host_name)s::text, %(path)s::text) AS found
    WHERE %(worker_id)s::uuid IS NULL AND %(worker_name)s::text IS NULL
) AS ways
WHERE coalesce(worker_id, project_id) IS NOT NULL
ORDER BY turn
LIMIT 1;
