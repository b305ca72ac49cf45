-- What the original's schema lacks: secrets that are not clear text, publication of workers, indexes for each question
-- that is asked often, room for long values and lines. From here on every file also runs on a database that the original made.

-- Others' workers may call it by its name.
ALTER TABLE workers ADD COLUMN public boolean NOT NULL DEFAULT false;

ALTER TABLE environment_values ALTER COLUMN value TYPE text,
    ADD CONSTRAINT value_at_most_5_kib CHECK (octet_length(value) <= 5120);
ALTER TABLE logs ALTER COLUMN message TYPE text;
-- A domain may lead to a project instead.
ALTER TABLE domains ALTER COLUMN worker_id DROP NOT NULL;

-- A secret is in the sealed column (runner/store/secrets.py has its form), and the clear one beside it is empty. Tools that
-- know only the clear one may still write it: that unseals the row, until it is sealed again.
ALTER TABLE environment_values ADD COLUMN sealed bytea;
ALTER TABLE storage_configs ADD COLUMN secret_access_key_sealed bytea;
ALTER TABLE database_configs ADD COLUMN connection_string_sealed bytea;

CREATE FUNCTION unseal_when_written_in_clear() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    clear text := to_jsonb(NEW) ->> TG_ARGV[0];
BEGIN
    IF clear <> '' THEN
        NEW := jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[1], NULL));
    END IF;
    RETURN NEW;
END;
$$;

CREATE TRIGGER unseal_environment_values BEFORE UPDATE OF value ON environment_values
    FOR EACH ROW WHEN (NEW.sealed IS NOT NULL)
    EXECUTE FUNCTION unseal_when_written_in_clear('value', 'sealed');
CREATE TRIGGER unseal_storage_configs BEFORE UPDATE OF secret_access_key ON storage_configs
    FOR EACH ROW WHEN (NEW.secret_access_key_sealed IS NOT NULL)
    EXECUTE FUNCTION unseal_when_written_in_clear('secret_access_key', 'secret_access_key_sealed');
CREATE TRIGGER unseal_database_configs BEFORE UPDATE OF connection_string ON database_configs
    FOR EACH ROW WHEN (NEW.connection_string_sealed IS NOT NULL)
    EXECUTE FUNCTION unseal_when_written_in_clear('connection_string', 'connection_string_sealed');

ALTER TABLE environment_values ADD CONSTRAINT sealed_or_clear
    CHECK (sealed IS NULL OR (type = 'secret' AND value = ''));
ALTER TABLE storage_configs ADD CONSTRAINT sealed_or_clear
    CHECK (secret_access_key_sealed IS NULL OR secret_access_key = '');
ALTER TABLE database_configs ADD CONSTRAINT sealed_or_clear
    CHECK (connection_string_sealed IS NULL OR connection_string = '');

-- Names and domains are found whatever their case.
CREATE INDEX idx_workers_lower_name ON workers (lower(name)) WHERE name IS NOT NULL;
CREATE INDEX idx_projects_lower_name ON projects (lower(name));
CREATE INDEX idx_domains_lower_name ON domains (lower(name));

CREATE INDEX idx_workers_user_id ON workers (user_id);
CREATE INDEX idx_workers_environment_id ON workers (environment_id) WHERE environment_id IS NOT NULL;
CREATE INDEX idx_workers_project_id ON workers (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX idx_domains_worker_id ON domains (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX idx_domains_project_id ON domains (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX idx_project_routes_worker_id ON project_routes (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX idx_crons_worker_id ON crons (worker_id);
CREATE INDEX idx_crons_next_run ON crons (next_run) WHERE deleted_at IS NULL;
CREATE INDEX idx_scheduled_events_worker_id ON scheduled_events (worker_id, scheduled_at DESC);
CREATE INDEX idx_logs_worker_date ON logs (worker_id, date DESC);

-- However many runners look at a schedule, one of them fires.
DELETE FROM scheduled_events AS event USING scheduled_events AS other
    WHERE event.cron_id = other.cron_id AND event.scheduled_at = other.scheduled_at
      AND event.id > other.id;
CREATE UNIQUE INDEX scheduled_events_fire_once ON scheduled_events (cron_id, scheduled_at);

-- `updated_at` tells the truth in every table that has it.
CREATE OR REPLACE FUNCTION auto_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END;
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'users', 'external_users', 'environments', 'environment_values', 'workers', 'projects', 'domains',
        'project_routes', 'storage_configs', 'kv_configs', 'kv_data', 'database_configs', 'crons'
    ] LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER update_%1$s_updated_at_trigger BEFORE UPDATE ON %1$I '
            'FOR EACH ROW EXECUTE FUNCTION auto_updated_at()',
            name
        );
    END LOOP;
END;
$$;
