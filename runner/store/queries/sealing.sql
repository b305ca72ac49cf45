-- Secrets that lie in clear text, or are sealed with an older key than `head` names.

-- name: open_environment_values
SELECT user_id AS tenant, id AS row, value AS clear, sealed FROM environment_values
WHERE type = 'secret' AND (value <> '' OR substr(sealed, 1, 2) <> %(head)s)
ORDER BY id
FOR UPDATE;

-- name: seal_environment_values
UPDATE environment_values SET value = '', sealed = %(sealed)s WHERE id = %(row)s;

-- name: open_storage_configs
SELECT user_id AS tenant, id AS row, secret_access_key AS clear, secret_access_key_sealed AS sealed FROM storage_configs
WHERE secret_access_key <> '' OR substr(secret_access_key_sealed, 1, 2) <> %(head)s
ORDER BY id
FOR UPDATE;

-- name: seal_storage_configs
UPDATE storage_configs SET secret_access_key = '', secret_access_key_sealed = %(sealed)s WHERE id = %(row)s;

-- name: open_database_configs
SELECT user_id AS tenant, id AS row, connection_string AS clear, connection_string_sealed AS sealed FROM database_configs
WHERE connection_string <> '' OR substr(connection_string_sealed, 1, 2) <> %(head)s
ORDER BY id
FOR UPDATE;

-- name: seal_database_configs
UPDATE database_configs SET connection_string = '', connection_string_sealed = %(sealed)s WHERE id = %(row)s;

-- name: open_tasks_certificates
SELECT owner AS tenant, id AS row, '' AS clear, sealed FROM tasks_certificates
WHERE substr(sealed, 1, 2) <> %(head)s
ORDER BY id
FOR UPDATE;

-- name: seal_tasks_certificates
UPDATE tasks_certificates SET sealed = %(sealed)s WHERE id = %(row)s;

-- HTTP tasks that live: those that have ended go by and by, and what they were is for looking at only. In base64, of which four characters
-- hold the first three bytes.

-- name: open_tasks_options
SELECT tenant, id AS row, '' AS clear, decode(options #>> '{}', 'base64') AS sealed FROM tasks
WHERE kind = 'http' AND status IN ('pending', 'running', 'paused')
  AND substr(decode(left(options #>> '{}', 4), 'base64'), 1, 2) <> %(head)s
ORDER BY id
FOR UPDATE;

-- name: seal_tasks_options
UPDATE tasks SET options = to_jsonb(translate(encode(%(sealed)s, 'base64'), E'\n', '')) WHERE id = %(row)s;

-- name: open_tasks_result
SELECT tenant, id AS row, '' AS clear, decode(result ->> 'response', 'base64') AS sealed FROM tasks
WHERE kind = 'http' AND status IN ('pending', 'running', 'paused') AND result ->> 'response' IS NOT NULL
  AND substr(decode(left(result ->> 'response', 4), 'base64'), 1, 2) <> %(head)s
ORDER BY id
FOR UPDATE;

-- name: seal_tasks_result
UPDATE tasks SET result = jsonb_set(result, '{response}', to_jsonb(translate(encode(%(sealed)s, 'base64'), E'\n', '')))
WHERE id = %(row)s;
