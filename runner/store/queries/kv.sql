-- Key-value namespaces. What has expired is as good as gone everywhere; its rows go later, with purge_kv.

-- name: get_kv
SELECT value::text FROM kv_data
WHERE namespace_id = %(namespace)s::uuid AND key = %(key)s::text
    AND (expires_at IS NULL OR expires_at > now());

-- name: put_kv
-- Without an expiry an older one is cleared.
INSERT INTO kv_data (namespace_id, key, value, expires_at)
VALUES (
    %(namespace)s::uuid, %(key)s::text, %(value)s::text::jsonb,
    now() + make_interval(secs => %(expires_in_s)s::float8)
)
ON CONFLICT (namespace_id, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at;

-- name: delete_kv_value
DELETE FROM kv_data
WHERE namespace_id = %(namespace)s::uuid AND key = %(key)s::text
RETURNING expires_at IS NULL OR expires_at > now();

-- name: list_kv
-- Names from `first` on and before `end`, in the order of their bytes.
SELECT key FROM kv_data
WHERE namespace_id = %(namespace)s::uuid
    AND key COLLATE "C" >= %(first)s::text AND key COLLATE "C" < %(end)s::text
    AND (expires_at IS NULL OR expires_at > now())
ORDER BY key COLLATE "C"
LIMIT %(limit)s::bigint;

-- name: purge_kv
-- What another runner is about to delete is left to it.
WITH expired AS (
    SELECT namespace_id, key FROM kv_data
    WHERE expires_at <= now()
    ORDER BY expires_at
    LIMIT %(limit)s::bigint
    FOR UPDATE SKIP LOCKED
)
DELETE FROM kv_data USING expired
WHERE kv_data.namespace_id = expired.namespace_id AND kv_data.key = expired.key
    AND kv_data.expires_at <= now();
