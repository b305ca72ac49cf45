-- Crons and what they fire. `now` is the caller's clock.

-- name: unplanned
SELECT id, value, timezone FROM crons
WHERE next_run IS NULL AND deleted_at IS NULL AND refused IS NULL
LIMIT 1000;

-- name: plan
-- Another runner may have planned it, or a tool changed it, meanwhile.
UPDATE crons SET next_run = %(next_run)s
WHERE id = %(id)s AND value = %(value)s AND timezone = %(timezone)s AND next_run IS NULL;

-- name: refuse
UPDATE crons SET refused = %(reason)s, next_run = NULL
WHERE id = %(id)s AND value = %(value)s AND timezone = %(timezone)s AND refused IS NULL
RETURNING worker_id;

-- name: due
-- What another runner has in its hands is passed over; a cron with too many open events waits for them.
-- Other tools may have written times that are none.
SELECT id, value, timezone, greatest(next_run, '1970-01-01T00:00Z') FROM crons AS cron
WHERE next_run <= %(now)s AND deleted_at IS NULL AND refused IS NULL
  AND %(most_open)s > (
      SELECT count(*) FROM scheduled_events AS event
      WHERE event.cron_id = cron.id AND replied_at IS NULL AND leased_until IS NOT NULL
  )
ORDER BY next_run
LIMIT %(most)s
FOR NO KEY UPDATE SKIP LOCKED;

-- name: fire
-- The unique index scheduled_events_fire_once has the last word.
WITH due AS (
    SELECT * FROM unnest(%(crons)s::uuid[], %(times)s::timestamptz[], %(nexts)s::timestamptz[])
        AS due (cron_id, scheduled_at, next_run)
), moved AS (
    UPDATE crons SET last_run = %(now)s, next_run = due.next_run
    FROM due WHERE crons.id = due.cron_id
    RETURNING crons.id, crons.value, crons.worker_id, due.scheduled_at
), fired AS (
    INSERT INTO scheduled_events (cron_id, worker_id, executed_at, scheduled_at, lease, leased_until)
    SELECT id, worker_id, %(now)s, scheduled_at, gen_random_uuid(), %(until)s FROM moved
    ON CONFLICT (cron_id, scheduled_at) DO NOTHING
    RETURNING id, cron_id, worker_id, scheduled_at, lease, attempts
)
SELECT fired.id, moved.value, fired.worker_id, fired.scheduled_at, fired.lease, fired.attempts
FROM fired JOIN moved ON moved.id = fired.cron_id;

-- name: take_over
-- Events that were put back; with `lost` also those whose runner has let its lease end.
UPDATE scheduled_events AS event
SET lease = gen_random_uuid(), leased_until = %(until)s
FROM (
    SELECT id FROM scheduled_events
    WHERE replied_at IS NULL AND leased_until <= %(now)s AND (lease IS NULL OR %(lost)s)
    ORDER BY leased_until
    LIMIT %(most)s
    FOR NO KEY UPDATE SKIP LOCKED
) AS open, crons AS cron
WHERE event.id = open.id AND cron.id = event.cron_id
RETURNING event.id, cron.value, event.worker_id, event.scheduled_at, event.lease, event.attempts;

-- name: begin
-- Who has lost its lease meanwhile may not run the event.
UPDATE scheduled_events AS event
SET executed_at = %(now)s, attempts = attempts + 1, leased_until = %(until)s
FROM unnest(%(ids)s::uuid[], %(leases)s::uuid[]) AS held (id, lease)
WHERE event.id = held.id AND event.lease = held.lease AND replied_at IS NULL
RETURNING event.lease;

-- name: renew
UPDATE scheduled_events AS event
SET leased_until = %(until)s
FROM unnest(%(ids)s::uuid[], %(leases)s::uuid[]) AS held (id, lease)
WHERE event.id = held.id AND event.lease = held.lease AND replied_at IS NULL;

-- name: settle
-- With an outcome it is over; without one it is put back, for whoever takes it from `again` on.
UPDATE scheduled_events AS event
SET lease = NULL,
    leased_until = done.again,
    replied_at = CASE WHEN done.outcome IS NULL THEN NULL ELSE done.at END,
    outcome = done.outcome,
    attempts = event.attempts - done.uncounted
FROM unnest(
    %(ids)s::uuid[], %(leases)s::uuid[], %(outcomes)s::text[], %(ats)s::timestamptz[],
    %(agains)s::timestamptz[], %(uncounted)s::int[]
) AS done (id, lease, outcome, at, again, uncounted)
WHERE event.id = done.id AND event.lease = done.lease AND replied_at IS NULL;

-- name: soonest
-- When something is to be done next. What is due by now is another's, or waits for events of its own.
SELECT
    least(
        (SELECT min(next_run) FROM crons
         WHERE next_run > %(now)s AND deleted_at IS NULL AND refused IS NULL),
        (SELECT min(leased_until) FROM scheduled_events
         WHERE replied_at IS NULL AND leased_until > %(now)s AND lease IS NULL),
        %(now)s + interval '1 day'
    ),
    EXISTS (
        SELECT FROM crons WHERE next_run <= %(now)s AND deleted_at IS NULL AND refused IS NULL
    );

-- name: forget
-- Old events go; what is open stays.
DELETE FROM scheduled_events
WHERE id IN (
    SELECT id FROM scheduled_events
    WHERE scheduled_at < %(before)s AND (replied_at IS NOT NULL OR leased_until IS NULL)
    LIMIT %(most)s
);
