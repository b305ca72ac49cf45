-- Static files of deployments: each tenant's bytes once, in pieces, and which version has them under which path.

-- name: want_asset_files
-- Those that are there stay for a while, whether a version refers to them or not. In one order: others may want the same.
WITH found AS (
    SELECT id FROM asset_files
    WHERE user_id = %(tenant)s AND hash = ANY (%(hashes)s::bytea[])
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE asset_files AS f SET wanted_at = now()
FROM found
WHERE f.id = found.id
RETURNING f.id, encode(f.hash, 'hex') AS hash, f.size;

-- name: begin_asset_file
INSERT INTO asset_files (user_id) VALUES (%(tenant)s) RETURNING id;

-- name: add_asset_piece
INSERT INTO asset_pieces (file_id, number, content) VALUES (%(file)s, %(number)s, %(content)s);

-- name: complete_asset_file
UPDATE asset_files SET hash = %(hash)s, size = %(size)s, wanted_at = now() WHERE id = %(file)s AND hash IS NULL;

-- name: drop_asset_file
DELETE FROM asset_files WHERE id = %(file)s AND hash IS NULL;

-- name: add_version_assets
INSERT INTO worker_deployment_assets (worker_id, version, path, file_id, content_type)
SELECT %(worker)s, %(version)s, asset.path, asset.file, asset.type
FROM unnest(%(paths)s::text[], %(files)s::uuid[], %(types)s::text[]) AS asset (path, file, type);

-- name: assets_of_version
-- The tenant of all three must be the same.
SELECT a.path, f.id AS file, encode(f.hash, 'hex') AS hash, f.size, a.content_type
FROM workers AS w
JOIN worker_deployment_assets AS a ON a.worker_id = w.id
JOIN asset_files AS f ON f.id = a.file_id AND f.user_id = w.user_id
WHERE w.id = %(worker)s AND w.user_id = %(tenant)s AND a.version = %(version)s AND f.hash IS NOT NULL;

-- name: asset_piece
SELECT p.content
FROM asset_files AS f
JOIN asset_pieces AS p ON p.file_id = f.id
WHERE f.id = %(file)s AND f.user_id = %(tenant)s AND p.number = %(number)s;

-- name: sweep_asset_files
WITH unwanted AS (
    SELECT f.id FROM asset_files AS f
    WHERE f.wanted_at < now() - %(after_s)s * interval '1 second'
      AND NOT EXISTS (SELECT FROM worker_deployment_assets AS a WHERE a.file_id = f.id)
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM asset_files AS f USING unwanted WHERE f.id = unwanted.id;
