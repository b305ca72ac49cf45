-- What a backup reads beside the rows, and what a restore does around them. Names in braces are identifiers from the catalog or from a
-- manifest. `ours` are the names of the tables that migrations/ makes.

-- name: settle_session
-- Text is to mean the same on every server; nothing may end a long transaction that has to wait for a disk or a network.
SELECT
    set_config('datestyle', 'ISO, YMD', false),
    set_config('intervalstyle', 'postgres', false),
    set_config('timezone', 'UTC', false),
    set_config('bytea_output', 'hex', false),
    set_config('extra_float_digits', '1', false),
    set_config('xmlbinary', 'base64', false),
    set_config('client_encoding', 'UTF8', false),
    -- Not every version has all of them.
    (
        SELECT count(set_config(name, '0', false)) FROM pg_settings
        WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
    );

-- name: about_source
SELECT current_setting('server_version'), transaction_timestamp();

-- name: tables_of_ours
-- What is not logged is of the moment: it is not in backups.
SELECT class.relname, array_agg(attname::text ORDER BY attnum), greatest(class.reltuples, 0)::bigint
FROM unnest(%(ours)s::text[]) AS ours (name)
JOIN pg_class AS class ON class.oid = to_regclass(quote_ident(ours.name))
JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
WHERE class.relkind = 'r' AND class.relpersistence = 'p'
  AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
GROUP BY class.oid, class.relname, class.reltuples
ORDER BY class.relname;

-- name: tables_of_others
SELECT space.nspname, class.relname
FROM pg_class AS class
JOIN pg_namespace AS space ON space.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p') AND class.relpersistence <> 't'
  AND space.nspname <> 'information_schema' AND space.nspname NOT LIKE 'pg\_%%'
  AND class.oid NOT IN (
      SELECT oid FROM unnest(%(ours)s::text[]) AS ours (name), to_regclass(quote_ident(ours.name)) AS oid
      WHERE oid IS NOT NULL
  )
ORDER BY 1, 2;

-- name: sequences_of_ours
SELECT DISTINCT class.relname
FROM unnest(%(ours)s::text[]) AS ours (name)
JOIN pg_depend AS depend ON depend.refobjid = to_regclass(quote_ident(ours.name)) AND depend.deptype IN ('a', 'i')
JOIN pg_class AS class ON class.oid = depend.objid AND class.relkind = 'S'
ORDER BY 1;

-- name: lock_shared
LOCK TABLE {table} IN ACCESS SHARE MODE;

-- name: lock_alone
LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;

-- name: copy_out
COPY {table} ({columns}) TO STDOUT;

-- name: copy_in
COPY {table} ({columns}) FROM STDIN;

-- name: sequence_value
SELECT last_value, is_called FROM {sequence};

-- name: set_sequence
SELECT setval(quote_ident(%(sequence)s)::regclass, %(value)s, %(is_called)s);

-- name: keys_of_column
SELECT DISTINCT get_byte({column}, 1) FROM {table} WHERE length({column}) > 1;

-- name: keys_of_tasks
-- Base64: the first four characters are three bytes, the second of which is the key's id.
SELECT DISTINCT get_byte(decode(left(sealed, 4), 'base64'), 1)
FROM tasks, unnest(ARRAY[options #>> '{}', result ->> 'response']) AS sealed
WHERE kind = 'http' AND sealed ~ '^[A-Za-z0-9+/]{4}';

-- name: tenant_databases
SELECT id FROM database_configs WHERE provider = 'platform' ORDER BY id;

-- name: some_row
SELECT EXISTS (SELECT FROM {table});

-- name: foreign_keys
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)
FROM pg_constraint
WHERE contype = 'f'
  AND conrelid IN (SELECT to_regclass(quote_ident(name)) FROM unnest(%(tables)s::text[]) AS name)
ORDER BY 1, 2;

-- name: free_indexes
-- Those that no constraint stands on.
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
FROM pg_index
WHERE indrelid IN (SELECT to_regclass(quote_ident(name)) FROM unnest(%(tables)s::text[]) AS name)
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
ORDER BY 1;

-- name: drop_foreign_key
ALTER TABLE {table} DROP CONSTRAINT {name};

-- name: add_foreign_key
ALTER TABLE {table} ADD CONSTRAINT {name} {definition};

-- name: drop_index
DROP INDEX {name};

-- name: triggers_off
ALTER TABLE {table} DISABLE TRIGGER USER;

-- name: triggers_on
ALTER TABLE {table} ENABLE TRIGGER USER;

-- name: settle_restore
SELECT
    set_config('lock_timeout', '10s', true),
    set_config('synchronize_seqscans', 'off', true),
    set_config('maintenance_work_mem', greatest(pg_size_bytes(current_setting('maintenance_work_mem')), 128 << 20) / 1024 || 'kB', true);

-- name: release_tasks
-- As an executor does that shuts down: it costs no attempt.
WITH released AS (
    UPDATE tasks SET
        status = 'pending', attempts = greatest(attempts - 1, 0), lease_id = NULL, leased_until = NULL,
        updated_at = statement_timestamp()
    WHERE status = 'running'
    RETURNING id
)
SELECT count(*) FROM released;

-- name: release_events
WITH released AS (
    UPDATE scheduled_events SET lease = NULL, leased_until = statement_timestamp()
    WHERE replied_at IS NULL AND lease IS NOT NULL
    RETURNING id
)
SELECT count(*) FROM released;

-- name: release_backups
-- Not to be made again because its row was in it.
UPDATE backup_runs SET ended_at = statement_timestamp(), lease = NULL, leased_until = NULL, error = 'it was under way when a backup was made'
WHERE ended_at IS NULL;

-- name: tell_all
-- Runners that are there already look at everything anew.
SELECT pg_notify('isolane_changes', 'all'), pg_notify('cron_update', 'INSERT'), pg_notify('tasks_rules', ''), pg_notify('tasks_created', '');

-- name: analyze
ANALYZE {table};

-- name: close_database
-- Roles of tenants' databases may connect to theirs alone (docs/decisions/011).
REVOKE ALL ON DATABASE {database} FROM PUBLIC;

-- name: unmade_databases
-- Tenants' databases that this server does not have.
SELECT config.id, config.user_id, EXISTS (SELECT FROM pg_roles WHERE rolname = 'isolane_t_' || replace(config.id::text, '-', '')) AS half
FROM database_configs AS config
WHERE config.provider = 'platform'
  AND NOT EXISTS (SELECT FROM pg_database WHERE datname = 'isolane_t_' || replace(config.id::text, '-', ''))
ORDER BY config.id;

-- name: reseal_database
UPDATE database_configs SET connection_string = '', connection_string_sealed = %(sealed)s WHERE id = %(id)s;
