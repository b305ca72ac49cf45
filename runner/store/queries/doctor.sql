-- What `isolane doctor` asks a server.

-- name: about_server
SELECT current_setting('server_version') AS version, extract(epoch FROM clock_timestamp())::float8 AS epoch_s,
       has_database_privilege(current_database(), 'CREATE') AS may_create;
