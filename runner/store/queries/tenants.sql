-- Tenants: who owns workers.

-- name: tenants
SELECT id, username AS name, limit_workers, limit_environments, limit_databases, limit_kv, limit_storage, created_at
FROM users
ORDER BY username;

-- name: tenant_by_id
SELECT id, username AS name, limit_workers, limit_environments, limit_databases, limit_kv, limit_storage, created_at
FROM users
WHERE id = %(id)s;

-- name: tenant_by_name
SELECT id, username AS name, limit_workers, limit_environments, limit_databases, limit_kv, limit_storage, created_at
FROM users
WHERE username = %(name)s;

-- name: add_tenant
INSERT INTO users (username) VALUES (%(name)s) ON CONFLICT (username) DO NOTHING;

-- name: limit_tenant
UPDATE users
SET limit_workers = coalesce(%(workers)s, limit_workers),
    limit_databases = coalesce(%(databases)s, limit_databases),
    limit_kv = coalesce(%(kv)s, limit_kv),
    limit_storage = coalesce(%(storage)s, limit_storage)
WHERE id = %(id)s;

-- name: delete_tenant
-- Environments do not go with their tenant by themselves.
WITH environments AS (DELETE FROM environments WHERE user_id = %(id)s)
DELETE FROM users WHERE id = %(id)s;

-- name: lock_limits
-- Whoever makes something that is counted waits here for the others.
SELECT limit_workers AS workers, limit_databases AS databases, limit_kv AS kv, limit_storage AS storage
FROM users
WHERE id = %(tenant)s
FOR NO KEY UPDATE;

-- name: count_workers
SELECT count(*) FROM workers WHERE user_id = %(tenant)s;

-- name: count_databases
SELECT count(*) FROM database_configs WHERE user_id = %(tenant)s;

-- name: count_kv
SELECT count(*) FROM kv_configs WHERE user_id = %(tenant)s;

-- name: count_storage
SELECT count(*) FROM storage_configs WHERE user_id = %(tenant)s;
