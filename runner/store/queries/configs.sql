-- What bindings lead to. Rows are a tenant's, found by name or id.

-- name: kv_configs
SELECT id, name, "desc" AS description, created_at FROM kv_configs WHERE user_id = %(tenant)s ORDER BY name;

-- name: kv_config
SELECT id, name, "desc" AS description, created_at FROM kv_configs
WHERE user_id = %(tenant)s AND (id = %(id)s::uuid OR (%(id)s::uuid IS NULL AND name = %(name)s));

-- name: add_kv
-- Somebody else may have made it while we waited for room.
INSERT INTO kv_configs (user_id, name) VALUES (%(tenant)s, %(name)s) ON CONFLICT (user_id, name) DO NOTHING;

-- name: delete_kv
DELETE FROM kv_configs WHERE user_id = %(tenant)s AND id = %(id)s;

-- name: storage_configs
SELECT id, name, "desc" AS description, bucket, prefix, access_key_id, endpoint, region, public_url, created_at
FROM storage_configs
WHERE user_id = %(tenant)s
ORDER BY name;

-- name: storage_config
SELECT id, name, "desc" AS description, bucket, prefix, access_key_id, endpoint, region, public_url, created_at
FROM storage_configs
WHERE user_id = %(tenant)s AND (id = %(id)s::uuid OR (%(id)s::uuid IS NULL AND name = %(name)s));

-- name: add_storage
INSERT INTO storage_configs (
    id, user_id, name, bucket, prefix, access_key_id, secret_access_key, secret_access_key_sealed, endpoint, region, public_url
)
VALUES (
    %(id)s, %(tenant)s, %(name)s, %(bucket)s, %(prefix)s, %(access_key_id)s, '', %(sealed)s, %(endpoint)s, %(region)s,
    %(public_url)s
)
ON CONFLICT (user_id, name) DO UPDATE
SET bucket = excluded.bucket, prefix = excluded.prefix, access_key_id = excluded.access_key_id,
    secret_access_key = '', secret_access_key_sealed = excluded.secret_access_key_sealed,
    endpoint = excluded.endpoint, region = excluded.region, public_url = excluded.public_url;

-- name: delete_storage
DELETE FROM storage_configs WHERE user_id = %(tenant)s AND id = %(id)s;

-- name: database_configs
SELECT id, name, "desc" AS description, provider::text, schema_name, max_rows, timeout_seconds, created_at
FROM database_configs
WHERE user_id = %(tenant)s
ORDER BY name;

-- name: database_config
SELECT id, name, "desc" AS description, provider::text, schema_name, max_rows, timeout_seconds, created_at
FROM database_configs
WHERE user_id = %(tenant)s AND (id = %(id)s::uuid OR (%(id)s::uuid IS NULL AND name = %(name)s));

-- name: add_database
INSERT INTO database_configs (
    id, user_id, name, provider, schema_name, connection_string, connection_string_sealed, max_rows, timeout_seconds
)
VALUES (
    %(id)s, %(tenant)s, %(name)s, %(provider)s::enum_database_provider, %(schema)s, %(connection_string)s, %(sealed)s,
    coalesce(%(max_rows)s, 1000), coalesce(%(timeout_seconds)s, 30)
);

-- name: delete_database
DELETE FROM database_configs WHERE user_id = %(tenant)s AND id = %(id)s;
