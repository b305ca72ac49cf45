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
