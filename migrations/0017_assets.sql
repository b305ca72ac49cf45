-- Static files that belong to deployments. A tenant has the same bytes once, whatever refers to them; two tenants never share any.

CREATE TABLE asset_files (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    -- SHA-256. NULL: it has not been uploaded completely.
    hash bytea CHECK (octet_length(hash) = 32),
    size integer CHECK (size >= 0),
    -- When somebody last said that a deployment will refer to it. Long after that it goes, if none does.
    wanted_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, hash),
    CONSTRAINT complete_or_not CHECK ((hash IS NULL) = (size IS NULL))
);
CREATE INDEX idx_asset_files_wanted_at ON asset_files (wanted_at);

-- All but the last have 256 KiB.
CREATE TABLE asset_pieces (
    file_id uuid NOT NULL REFERENCES asset_files (id) ON DELETE CASCADE,
    number integer NOT NULL CHECK (number >= 0),
    content bytea NOT NULL,
    PRIMARY KEY (file_id, number)
);
-- Most files of web pages are compressed as far as they can be, and reading them often shall be cheap.
ALTER TABLE asset_pieces ALTER COLUMN content SET STORAGE EXTERNAL;

-- Under which name workers find the files of a version. NULL: it has none.
ALTER TABLE worker_deployments ADD COLUMN assets_binding text CHECK (assets_binding <> '');

CREATE TABLE worker_deployment_assets (
    worker_id uuid NOT NULL,
    version integer NOT NULL,
    path text NOT NULL CHECK (path <> ''),
    -- Checked at the end: a tenant goes with its files and its deployments, in whatever order.
    file_id uuid NOT NULL REFERENCES asset_files (id) DEFERRABLE INITIALLY DEFERRED,
    content_type text NOT NULL,
    PRIMARY KEY (worker_id, version, path),
    FOREIGN KEY (worker_id, version) REFERENCES worker_deployments (worker_id, version)
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX idx_worker_deployment_assets_file_id ON worker_deployment_assets (file_id);
