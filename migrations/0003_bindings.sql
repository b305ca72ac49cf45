-- baseline
-- What bindings lead to: object storage, key-value namespaces with their data, databases.

CREATE TYPE enum_database_provider AS ENUM ('platform', 'postgres', 'planetscale');

CREATE TABLE storage_configs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name varchar(255) NOT NULL,
    "desc" varchar(255),
    bucket varchar(255) NOT NULL,
    prefix varchar(255),
    access_key_id varchar(255) NOT NULL,
    secret_access_key varchar(255) NOT NULL,
    endpoint varchar(255),
    region varchar(50),
    public_url varchar(255),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, name)
);

CREATE TABLE kv_configs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name varchar(255) NOT NULL,
    "desc" varchar(255),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, name)
);

CREATE TABLE kv_data (
    namespace_id uuid NOT NULL REFERENCES kv_configs (id) ON UPDATE CASCADE ON DELETE CASCADE,
    key text NOT NULL,
    value jsonb NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (namespace_id, key)
);
CREATE INDEX idx_kv_data_expires_at ON kv_data (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE database_configs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name varchar(100) NOT NULL,
    "desc" varchar(255),
    provider enum_database_provider NOT NULL DEFAULT 'platform',
    connection_string text,
    schema_name varchar(100),
    max_rows integer NOT NULL DEFAULT 1000,
    timeout_seconds integer NOT NULL DEFAULT 30,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, name),
    CONSTRAINT check_database_config CHECK (
        CASE provider WHEN 'platform' THEN schema_name IS NOT NULL ELSE connection_string IS NOT NULL END
    )
);
CREATE UNIQUE INDEX idx_database_configs_schema_name ON database_configs (schema_name)
    WHERE schema_name IS NOT NULL;
