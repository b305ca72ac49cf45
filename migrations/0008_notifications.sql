-- Tells runners what changed, so that they can remember how requests were resolved. Channel isolane_changes, payload KIND and
-- the key: `worker 5e0c...`, `name hello`, `domain example.com`; `all` when a table was emptied. A new deployment counts when
-- workers.current_version says so; its own row, with the code, is not looked at.

CREATE FUNCTION notify_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text := TG_ARGV[0];
    key text := TG_ARGV[1];
    old_row jsonb;
    new_row jsonb;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('isolane_changes', 'all');
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        old_row := to_jsonb(OLD) - 'updated_at';
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_row := to_jsonb(NEW) - 'updated_at';
    END IF;
    IF old_row IS DISTINCT FROM new_row THEN
        -- The same payload twice in one transaction is sent once.
        PERFORM pg_notify('isolane_changes', kind || ' ' || value)
        FROM unnest(ARRAY[old_row ->> key, new_row ->> key]) AS value
        WHERE value IS NOT NULL;
    END IF;
    RETURN NULL;
END;
$$;

DO $$
DECLARE
    watched record;
BEGIN
    FOR watched IN
        SELECT * FROM (VALUES
            ('workers', 'worker', 'id'),
            ('workers', 'name', 'name'),
            ('projects', 'project', 'id'),
            ('projects', 'name', 'name'),
            ('project_routes', 'project', 'project_id'),
            ('domains', 'domain', 'name'),
            ('environments', 'environment', 'id'),
            ('environment_values', 'environment', 'environment_id'),
            ('storage_configs', 'storage', 'id'),
            ('kv_configs', 'kv', 'id'),
            ('database_configs', 'database', 'id'),
            ('users', 'user', 'id')
        ) AS watched (relation, kind, key)
    LOOP
        EXECUTE format(
            'CREATE TRIGGER notify_%2$s_change AFTER INSERT OR UPDATE OR DELETE ON %1$I '
            'FOR EACH ROW EXECUTE FUNCTION notify_change(%2$L, %3$L)',
            watched.relation, watched.kind, watched.key
        );
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER notify_truncate AFTER TRUNCATE ON %1$I '
            'FOR EACH STATEMENT EXECUTE FUNCTION notify_change()',
            watched.relation
        );
    END LOOP;
END;
$$;

-- Schedules have the original's channel; what a firing writes is no change of the schedule.
CREATE OR REPLACE FUNCTION cron_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('cron_update', TG_OP);
    RETURN NULL;
END;
$$;
CREATE OR REPLACE TRIGGER cron_update
    AFTER INSERT OR DELETE OR UPDATE OF value, worker_id, deleted_at ON crons
    FOR EACH ROW EXECUTE FUNCTION cron_update();
