-- Environments: what workers find in `env`.

-- name: environments
SELECT id, name, user_id AS tenant, made_for, created_at FROM environments WHERE user_id = %(tenant)s ORDER BY name;

-- name: environment_of_worker
SELECT coalesce(p.environment_id, w.environment_id)
FROM workers AS w
LEFT JOIN projects AS p ON p.id = w.project_id AND p.user_id = w.user_id
WHERE w.id = %(worker)s AND w.user_id = %(tenant)s;

-- name: add_environment
INSERT INTO environments (user_id, name, made_for) VALUES (%(tenant)s, %(name)s, %(made_for)s)
ON CONFLICT (user_id, name) DO NOTHING
RETURNING id;

-- name: link_environment
SELECT link_worker_environment(%(worker)s::uuid, %(environment)s::uuid);

-- name: lock_environment
SELECT id FROM environments WHERE id = %(environment)s AND user_id = %(tenant)s FOR NO KEY UPDATE;

-- name: values
SELECT v.id, v.key, CASE v.type::text WHEN 'worker' THEN 'service' ELSE v.type::text END AS type,
       CASE WHEN v.type <> 'secret' THEN v.value END AS value,
       CASE v.type::text
           WHEN 'kv' THEN (SELECT name FROM kv_configs WHERE id::text = v.value AND user_id = v.user_id)
           WHEN 'storage' THEN (SELECT name FROM storage_configs WHERE id::text = v.value AND user_id = v.user_id)
           WHEN 'assets' THEN (SELECT name FROM storage_configs WHERE id::text = v.value AND user_id = v.user_id)
           WHEN 'database' THEN (SELECT name FROM database_configs WHERE id::text = v.value AND user_id = v.user_id)
           WHEN 'tasks' THEN (SELECT name FROM workers WHERE id::text = v.value AND user_id = v.user_id)
           WHEN 'worker' THEN (SELECT name FROM workers WHERE id::text = v.value AND (user_id = v.user_id OR public))
       END AS target,
       v.manifest_of IS NOT NULL AS from_manifest, v.updated_at
FROM environment_values AS v
WHERE v.environment_id = %(environment)s AND v.user_id = %(tenant)s
ORDER BY v.key;

-- name: value_id
SELECT id FROM environment_values WHERE environment_id = %(environment)s AND user_id = %(tenant)s AND key = %(key)s;

-- name: set_value
-- By hand. What a manifest said before is overruled.
INSERT INTO environment_values (id, environment_id, user_id, key, value, type, sealed)
VALUES (%(id)s, %(environment)s, %(tenant)s, %(key)s, %(value)s, %(type)s::enum_binding_type, %(sealed)s)
ON CONFLICT (environment_id, user_id, key) DO UPDATE
SET value = excluded.value, type = excluded.type, sealed = excluded.sealed, manifest_of = NULL;

-- name: set_manifest_value
-- What was set by hand, or by another worker's manifest, stays.
INSERT INTO environment_values (environment_id, user_id, key, value, type, manifest_of)
VALUES (%(environment)s, %(tenant)s, %(key)s, %(value)s, %(type)s::enum_binding_type, %(worker)s)
ON CONFLICT (environment_id, user_id, key) DO UPDATE
SET value = excluded.value, type = excluded.type
WHERE environment_values.manifest_of = excluded.manifest_of
  AND (environment_values.value, environment_values.type) IS DISTINCT FROM (excluded.value, excluded.type);

-- name: unset_manifest_values
DELETE FROM environment_values WHERE manifest_of = %(worker)s AND user_id = %(tenant)s AND NOT key = ANY (%(keys)s::text[]);

-- name: unset_value
DELETE FROM environment_values WHERE environment_id = %(environment)s AND user_id = %(tenant)s AND key = %(key)s;

-- name: delete_environment
DELETE FROM environments WHERE id = %(environment)s AND user_id = %(tenant)s;
