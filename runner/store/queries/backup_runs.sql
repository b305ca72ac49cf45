-- Scheduled backups. The database's clock counts for leases, the caller's for when one is due.

-- name: claim_backup
-- An instant that nobody had; or one whose runner is gone or failed, for some attempts. One from before `since` is made up for only when
-- there were backups before it, and none after.
INSERT INTO backup_runs (due_at, lease, leased_until, runner)
SELECT %(due)s, gen_random_uuid(), statement_timestamp() + make_interval(secs => %(lease_s)s::float8), %(runner)s
WHERE %(due)s >= %(since)s::timestamptz
   OR (
       EXISTS (SELECT FROM backup_runs WHERE due_at <= %(due)s)
       AND NOT EXISTS (SELECT FROM backup_runs WHERE due_at > %(due)s)
   )
ON CONFLICT (due_at) DO UPDATE SET
    lease = excluded.lease, leased_until = excluded.leased_until, runner = excluded.runner,
    attempts = backup_runs.attempts + 1, started_at = statement_timestamp()
WHERE backup_runs.ended_at IS NULL
  AND backup_runs.leased_until <= statement_timestamp()
  AND backup_runs.attempts < %(most_attempts)s
RETURNING lease;

-- name: renew_backup
UPDATE backup_runs SET leased_until = statement_timestamp() + make_interval(secs => %(lease_s)s::float8)
WHERE due_at = %(due)s AND lease = %(lease)s
RETURNING due_at;

-- name: note_backup
UPDATE backup_runs SET
    ended_at = statement_timestamp(), lease = NULL, leased_until = NULL,
    name = %(name)s, place = %(place)s, rows = %(rows)s, bytes = %(bytes)s, error = NULL
WHERE due_at = %(due)s AND lease = %(lease)s;

-- name: note_failure
-- Somebody tries again from `again_s` on, unless it was the last attempt.
UPDATE backup_runs SET
    lease = NULL, error = %(error)s,
    leased_until = statement_timestamp() + make_interval(secs => %(again_s)s::float8),
    ended_at = CASE WHEN attempts >= %(most_attempts)s THEN statement_timestamp() END
WHERE due_at = %(due)s AND lease = %(lease)s;

-- name: put_back_backup
UPDATE backup_runs SET lease = NULL, leased_until = statement_timestamp(), attempts = attempts - 1
WHERE due_at = %(due)s AND lease = %(lease)s;

-- name: forget_backup_runs
DELETE FROM backup_runs WHERE due_at < statement_timestamp() - interval '1 year' AND ended_at IS NOT NULL;
