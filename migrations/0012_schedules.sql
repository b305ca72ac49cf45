-- Scheduled events under leases, so that none is lost with its runner; crons in a time zone, and what is wrong with one.

ALTER TABLE crons
    ADD COLUMN timezone text NOT NULL DEFAULT 'UTC',
    -- Why it can not be used; NULL for all that can.
    ADD COLUMN refused text;

-- An event with `leased_until` and without `replied_at` is open: somebody has it, or will have it from then on (no `lease`).
-- One without both columns is another program's.
ALTER TABLE scheduled_events
    ADD COLUMN lease uuid,
    ADD COLUMN leased_until timestamptz,
    ADD COLUMN attempts smallint NOT NULL DEFAULT 0,
    -- How it ended: `ok`, `exception`, ...
    ADD COLUMN outcome text;

CREATE INDEX idx_scheduled_events_open ON scheduled_events (leased_until)
    WHERE replied_at IS NULL AND leased_until IS NOT NULL;
CREATE INDEX idx_scheduled_events_open_of_cron ON scheduled_events (cron_id)
    WHERE replied_at IS NULL AND leased_until IS NOT NULL;

-- Old events are forgotten by their age.
CREATE INDEX idx_scheduled_events_scheduled_at ON scheduled_events (scheduled_at);

-- A schedule that was changed is planned anew, whoever changed it.
CREATE FUNCTION plan_cron_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.value <> OLD.value OR NEW.timezone <> OLD.timezone
       OR (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL) THEN
        NEW.refused := NULL;
        IF NEW.next_run IS NOT DISTINCT FROM OLD.next_run THEN
            NEW.next_run := NULL;
        END IF;
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER plan_cron_anew BEFORE UPDATE OF value, timezone, deleted_at ON crons
    FOR EACH ROW EXECUTE FUNCTION plan_cron_anew();

CREATE OR REPLACE TRIGGER cron_update
    AFTER INSERT OR DELETE OR UPDATE OF value, timezone, worker_id, deleted_at ON crons
    FOR EACH ROW EXECUTE FUNCTION cron_update();
