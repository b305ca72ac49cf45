-- What of migrations/ is in a database.

-- name: create_table
CREATE TABLE IF NOT EXISTS isolane_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    -- True: the original had made it already.
    baseline boolean NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: table_exists
SELECT to_regclass('isolane_migrations') IS NOT NULL;

-- name: applied
SELECT number, name, checksum, baseline, applied_at FROM isolane_migrations ORDER BY number;

-- name: record
INSERT INTO isolane_migrations (number, name, checksum, baseline)
VALUES (%(number)s, %(name)s, %(checksum)s, %(baseline)s);

-- name: lock
-- One process at a time migrates a database; the number is of our own choosing.
SELECT pg_advisory_lock(7306911021);

-- name: unlock
SELECT pg_advisory_unlock(7306911021);

-- name: missing_of_the_original
-- What a database that the original made has by its last migration.
SELECT relation || '.' || attribute
FROM (VALUES
    ('users', 'limit_storage'), ('users', 'password_hash'), ('environments', 'user_id'),
    ('environment_values', 'type'), ('api_keys', 'token_hash'), ('auth_tokens', 'token'),
    ('workers', 'current_version'), ('workers', 'project_id'), ('worker_deployments', 'code_type'),
    ('projects', 'environment_id'), ('endpoints', 'worker_id'), ('domains', 'project_id'),
    ('project_routes', 'backend_type'), ('project_routes', 'worker_id'), ('storage_configs', 'secret_access_key'),
    ('kv_configs', 'name'), ('kv_data', 'value'), ('database_configs', 'provider'),
    ('crons', 'next_run'), ('scheduled_events', 'scheduled_at'), ('logs', 'level')
) AS expected (relation, attribute)
WHERE NOT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = to_regclass(relation) AND attname = attribute AND NOT attisdropped
)
ORDER BY 1;
