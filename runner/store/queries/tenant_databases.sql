-- Databases that the platform gives tenants (docs/decisions/011). Names in braces are identifiers of our own making.

-- name: close_ours
REVOKE ALL ON DATABASE {database} FROM PUBLIC;

-- name: create_role
CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT
    CONNECTION LIMIT {connections} PASSWORD {verifier};

-- name: bound_role
-- Only a superuser may, and on managed servers nobody is one.
ALTER ROLE {role} SET temp_file_limit = '256MB';

-- name: own_role
-- Who may end a role's sessions is who has its privileges.
GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET FALSE;

-- name: reset_password
ALTER ROLE {role} PASSWORD {verifier};

-- name: create_database
CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8';

-- name: close_database
REVOKE ALL ON DATABASE {database} FROM PUBLIC;

-- name: open_database
GRANT CONNECT ON DATABASE {database} TO {role};

-- name: drop_public
DROP SCHEMA public;

-- name: create_schema
CREATE SCHEMA {schema};

-- name: open_schema
GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};

-- name: set_path
ALTER ROLE {role} IN DATABASE {database} SET search_path TO {schema};

-- name: role_state
-- What must be false: a tenant's role is no member of anything, and does not come in to us.
SELECT
    has_database_privilege(role.oid, current_database(), 'CONNECT') AS connects,
    EXISTS (SELECT FROM pg_auth_members WHERE member = role.oid) AS member,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser
FROM pg_roles AS role
WHERE role.rolname = %(role)s;

-- name: add_platform_database
INSERT INTO database_configs (
    id, user_id, name, "desc", provider, schema_name, connection_string, connection_string_sealed, max_rows, timeout_seconds
)
VALUES (
    %(id)s, %(tenant)s, %(name)s, %(description)s, 'platform', %(schema)s, '', %(sealed)s, %(max_rows)s, %(timeout_s)s
);

-- name: forget_platform_database
DELETE FROM database_configs WHERE id = %(id)s AND user_id = %(tenant)s AND provider = 'platform' RETURNING id;

-- name: drop_database
DROP DATABASE IF EXISTS {database} WITH (FORCE);

-- name: drop_role
DROP ROLE IF EXISTS {role};

-- name: end_session
SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE pid = %(pid)s AND usename = %(role)s;
