-- What workers printed. A line is found by its worker and its time.

-- name: store_lines
-- Lines of workers that are gone, or never were here, are no reason to lose the others'.
INSERT INTO logs (date, worker_id, level, message)
SELECT 'epoch'::timestamptz + line.time_us * interval '1 microsecond', worker.id, line.level, line.message
FROM unnest(%(times)s::bigint[], %(workers)s::uuid[], %(levels)s::enum_logs_level[], %(messages)s::text[])
    AS line (time_us, worker, level, message)
JOIN workers AS worker ON worker.id = line.worker;

-- name: lines
-- The last ones of a worker, oldest first.
SELECT date, level::text, message FROM (
    SELECT date, level, message FROM logs
    WHERE worker_id = %(worker)s AND date > %(after)s AND date <= %(until)s
      AND level::text = ANY(%(levels)s)
    ORDER BY date DESC
    LIMIT %(most)s
) AS last
ORDER BY date;

-- name: keep_lock
-- One runner of all tidies up; the number is of our own choosing.
SELECT pg_try_advisory_xact_lock(7306911022);

-- name: forget_lines
-- Per worker: what is older than `before`, and what is before the last `rows` lines.
WITH edge AS (
    SELECT worker.id, greatest(
        %(before)s,
        (SELECT date FROM logs WHERE worker_id = worker.id ORDER BY date DESC OFFSET %(rows)s LIMIT 1)
    ) AS date
    FROM workers AS worker
)
DELETE FROM logs WHERE ctid = ANY(ARRAY(
    SELECT logs.ctid FROM edge
    JOIN logs ON logs.worker_id = edge.id AND logs.date <= edge.date
    LIMIT %(most)s
));
