-- Schedules. Who fires them, and when, is not decided here; `next_run` of NULL is to be filled by whoever does.

-- name: crons
SELECT c.id, c.value, c.worker_id AS worker, w.name AS worker_name, c.last_run, c.next_run, c.from_manifest, c.created_at
FROM crons AS c
JOIN workers AS w ON w.id = c.worker_id
WHERE w.user_id = %(tenant)s AND (%(worker)s::uuid IS NULL OR c.worker_id = %(worker)s) AND c.deleted_at IS NULL
ORDER BY w.name, c.value, c.id;

-- name: add_cron
INSERT INTO crons (value, worker_id, from_manifest)
SELECT %(value)s::text, %(worker)s::uuid, %(from_manifest)s
WHERE NOT EXISTS (SELECT FROM crons WHERE worker_id = %(worker)s::uuid AND value = %(value)s::text AND deleted_at IS NULL);

-- name: delete_cron
UPDATE crons AS c SET deleted_at = now()
FROM workers AS w
WHERE w.id = c.worker_id AND w.user_id = %(tenant)s AND c.deleted_at IS NULL AND c.worker_id = %(worker)s
  AND (c.id = %(id)s::uuid OR (%(id)s::uuid IS NULL AND c.value = %(value)s));

-- name: delete_manifest_crons
UPDATE crons SET deleted_at = now()
WHERE worker_id = %(worker)s AND from_manifest AND deleted_at IS NULL AND NOT value = ANY (%(values)s::text[]);
