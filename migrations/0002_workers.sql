-- baseline
-- Workers, their deployments, and what leads to them: names, domains, projects with routes.

CREATE TYPE enum_code_type AS ENUM ('javascript', 'typescript', 'wasm', 'snapshot');
CREATE TYPE enum_endpoint_type AS ENUM ('worker', 'project');
CREATE TYPE enum_backend_type AS ENUM ('worker', 'storage');

CREATE TABLE workers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- NULL: a part of a project that can not be addressed by itself.
    name varchar(255) CHECK (name ~* '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'),
    "desc" varchar(255),
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    environment_id uuid REFERENCES environments (id) ON UPDATE CASCADE ON DELETE SET NULL,
    project_id uuid,
    current_version integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, user_id),
    FOREIGN KEY (environment_id, user_id) REFERENCES environments (id, user_id)
        ON UPDATE CASCADE ON DELETE SET NULL (environment_id)
);
CREATE UNIQUE INDEX workers_name_unique_when_public ON workers (name) WHERE name IS NOT NULL;

CREATE TABLE worker_deployments (
    worker_id uuid NOT NULL REFERENCES workers (id) ON UPDATE CASCADE ON DELETE CASCADE,
    version integer NOT NULL,
    hash varchar(64) NOT NULL,
    code_type enum_code_type NOT NULL,
    code bytea NOT NULL,
    deployed_at timestamptz NOT NULL DEFAULT now(),
    deployed_by uuid REFERENCES users (id) ON UPDATE CASCADE ON DELETE SET NULL,
    message text,
    PRIMARY KEY (worker_id, version)
);
CREATE INDEX idx_worker_deployments_hash ON worker_deployments (worker_id, hash);

-- A project has the id of its main worker.
CREATE TABLE projects (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid()
        REFERENCES workers (id) ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    name varchar(255) NOT NULL CHECK (name ~* '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'),
    "desc" varchar(255),
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    environment_id uuid REFERENCES environments (id) ON UPDATE CASCADE ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, user_id)
);
CREATE UNIQUE INDEX projects_name_unique ON projects (name);
CREATE INDEX idx_projects_user_id ON projects (user_id);

ALTER TABLE workers ADD CONSTRAINT workers_project_id_fkey
    FOREIGN KEY (project_id) REFERENCES projects (id)
    ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;

CREATE VIEW endpoints AS
SELECT name, 'worker'::enum_endpoint_type AS type, user_id,
       id AS worker_id, NULL::uuid AS project_id, created_at, updated_at
FROM workers
WHERE name IS NOT NULL
UNION ALL
SELECT name, 'project'::enum_endpoint_type, user_id, NULL::uuid, id, created_at, updated_at
FROM projects;

CREATE TABLE domains (
    name varchar(255) PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    worker_id uuid REFERENCES workers (id) ON UPDATE CASCADE ON DELETE CASCADE,
    project_id uuid REFERENCES projects (id) ON UPDATE CASCADE ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT check_domain_target CHECK (num_nonnulls(worker_id, project_id) = 1)
);

-- A route to storage serves the ASSETS binding of the project's main worker; its priority says what kind of files
-- those are: 3 immutable, 2 static, 1 prerendered.
CREATE TABLE project_routes (
    project_id uuid NOT NULL REFERENCES projects (id) ON UPDATE CASCADE ON DELETE CASCADE,
    pattern varchar(255) NOT NULL,
    priority integer NOT NULL DEFAULT 0,
    backend_type enum_backend_type NOT NULL,
    worker_id uuid REFERENCES workers (id) ON UPDATE CASCADE ON DELETE CASCADE,
    cache_ttl integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, pattern),
    CONSTRAINT check_backend_target CHECK (backend_type = 'storage' OR worker_id IS NOT NULL)
);
