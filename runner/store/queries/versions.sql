-- Deployments: the versions of a worker's code.

-- name: lock_worker
SELECT coalesce(current_version, 0) FROM workers WHERE id = %(worker)s AND user_id = %(tenant)s FOR NO KEY UPDATE;

-- name: version_of_hash
SELECT version FROM worker_deployments
WHERE worker_id = %(worker)s AND hash = %(hash)s
ORDER BY version DESC
LIMIT 1;

-- name: add_version
INSERT INTO worker_deployments (worker_id, version, hash, code_type, code, main, stripped, assets_binding, deployed_by, message)
SELECT %(worker)s, 1 + coalesce(max(version), 0), %(hash)s, %(code_type)s::enum_code_type, %(code)s, %(main)s, %(stripped)s,
       %(assets_binding)s, %(by)s, %(message)s
FROM worker_deployments
WHERE worker_id = %(worker)s
RETURNING version;

-- name: add_files
INSERT INTO worker_deployment_files (worker_id, version, path, content, stripped)
SELECT %(worker)s, %(version)s, file.path, file.content, file.stripped
FROM unnest(%(paths)s::text[], %(contents)s::bytea[], %(stripped)s::bytea[]) AS file (path, content, stripped);

-- name: set_current_version
UPDATE workers SET current_version = %(version)s
WHERE id = %(worker)s AND current_version IS DISTINCT FROM %(version)s;

-- name: versions
SELECT d.version, d.hash, d.code_type::text, d.main, d.deployed_at, u.username AS deployed_by, d.message,
       d.version IS NOT DISTINCT FROM w.current_version AS current, 1 + coalesce(f.files, 0) AS files,
       length(d.code) + coalesce(f.bytes, 0) AS bytes, s.files AS static_files, coalesce(s.bytes, 0) AS static_bytes
FROM worker_deployments AS d
JOIN workers AS w ON w.id = d.worker_id
LEFT JOIN users AS u ON u.id = d.deployed_by
LEFT JOIN LATERAL (
    SELECT count(*) AS files, sum(length(content)) AS bytes
    FROM worker_deployment_files
    WHERE worker_id = d.worker_id AND version = d.version
) AS f ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS files, sum(b.size) AS bytes
    FROM worker_deployment_assets AS a
    JOIN asset_files AS b ON b.id = a.file_id
    WHERE a.worker_id = d.worker_id AND a.version = d.version
) AS s
WHERE d.worker_id = %(worker)s AND (%(version)s::integer IS NULL OR d.version = %(version)s)
ORDER BY d.version DESC
LIMIT %(limit)s;

-- name: version_before
SELECT max(version) FROM worker_deployments WHERE worker_id = %(worker)s AND version < %(version)s;

-- name: code
SELECT code_type::text, code, main, stripped FROM worker_deployments
WHERE worker_id = %(worker)s AND version = %(version)s;

-- name: files
SELECT path, content, stripped FROM worker_deployment_files
WHERE worker_id = %(worker)s AND version = %(version)s
ORDER BY path;
