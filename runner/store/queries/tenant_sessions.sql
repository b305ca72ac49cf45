-- What the runner itself says in a session of a tenant's.

-- name: settle
-- Values are written the same way everywhere; the time limit is also kept by the runner, since a session may change its own.
SELECT
    set_config('statement_timeout', $1, false),
    set_config('idle_in_transaction_session_timeout', $2, false),
    set_config('search_path', coalesce(nullif($3, ''), current_setting('search_path')), false),
    set_config('datestyle', 'ISO', false),
    set_config('intervalstyle', 'iso_8601', false),
    set_config('timezone', 'UTC', false),
    set_config('bytea_output', 'hex', false),
    set_config('extra_float_digits', '1', false),
    set_config('client_min_messages', 'error', false);

-- name: forget
DISCARD ALL;

-- name: begin
BEGIN;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;
