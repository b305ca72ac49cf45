-- Deployments of several files, and what a worker runs under. The original's tools go on reading and writing single scripts:
-- `code` is the entry, whatever else belongs to the deployment.

ALTER TABLE worker_deployments
    -- The entry's path. NULL: a single script, whose name follows from code_type.
    ADD COLUMN main text CHECK (main <> ''),
    -- The entry without its types, when it has some.
    ADD COLUMN stripped bytea;

-- All files but the entry.
CREATE TABLE worker_deployment_files (
    worker_id uuid NOT NULL,
    version integer NOT NULL,
    path text NOT NULL CHECK (path <> ''),
    content bytea NOT NULL,
    stripped bytea,
    PRIMARY KEY (worker_id, version, path),
    FOREIGN KEY (worker_id, version) REFERENCES worker_deployments (worker_id, version)
        ON UPDATE CASCADE ON DELETE CASCADE
);

-- NULL: as the runner is set.
ALTER TABLE workers
    ADD COLUMN cpu_ms integer CHECK (cpu_ms >= 0),
    ADD COLUMN wall_ms integer CHECK (wall_ms >= 0),
    ADD COLUMN context_reuse text CHECK (context_reuse IN ('off', 'warm')),
    -- Who keeps it in step with something else and removes it, too: `dev`, with a folder. NULL: nobody.
    ADD COLUMN managed_by text CHECK (managed_by <> '');

-- An environment that was made for one worker goes with it.
ALTER TABLE environments ADD COLUMN made_for uuid REFERENCES workers (id) ON UPDATE CASCADE ON DELETE CASCADE;
CREATE INDEX idx_environments_made_for ON environments (made_for) WHERE made_for IS NOT NULL;

-- What a worker's manifest says is replaced by its next deployment; what was set by hand stays, and wins.
ALTER TABLE environment_values
    ADD COLUMN manifest_of uuid REFERENCES workers (id) ON UPDATE CASCADE ON DELETE CASCADE;
CREATE INDEX idx_environment_values_manifest_of ON environment_values (manifest_of) WHERE manifest_of IS NOT NULL;
ALTER TABLE domains ADD COLUMN from_manifest boolean NOT NULL DEFAULT false;
ALTER TABLE project_routes ADD COLUMN from_manifest boolean NOT NULL DEFAULT false;
ALTER TABLE crons ADD COLUMN from_manifest boolean NOT NULL DEFAULT false;
