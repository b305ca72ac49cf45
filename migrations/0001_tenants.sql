-- baseline
-- Tenants, their keys and their environments, as the original's migrations leave them.

CREATE TYPE enum_external_users_provider AS ENUM ('github');
CREATE TYPE auth_token_type AS ENUM ('set_password', 'password_reset');
CREATE TYPE enum_binding_type AS ENUM ('var', 'secret', 'assets', 'storage', 'kv', 'database', 'worker');

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username varchar(255) NOT NULL UNIQUE,
    avatar_url varchar(255),
    password_hash varchar(255),
    limit_workers integer NOT NULL DEFAULT 5,
    limit_environments integer NOT NULL DEFAULT 5,
    limit_databases integer NOT NULL DEFAULT 3,
    limit_kv integer NOT NULL DEFAULT 3,
    limit_storage integer NOT NULL DEFAULT 3,
    second_precision boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE external_users (
    user_id uuid PRIMARY KEY REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    provider enum_external_users_provider NOT NULL,
    external_id varchar(255) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (provider, external_id)
);

CREATE TABLE auth_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token varchar(64) NOT NULL UNIQUE,
    type auth_token_type NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_auth_tokens_user_type ON auth_tokens (user_id, type);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name varchar(100) NOT NULL,
    "desc" text,
    token_prefix varchar(12) NOT NULL,
    token_hash varchar(64) NOT NULL UNIQUE,
    last_used_at timestamptz,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_api_keys_user_id ON api_keys (user_id);

CREATE TABLE environments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(255) NOT NULL,
    "desc" varchar(255),
    user_id uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, user_id),
    UNIQUE (user_id, name)
);

-- What a worker finds in `env`. The value of a binding is the id of its row in storage_configs, kv_configs, database_configs
-- or workers.
CREATE TABLE environment_values (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    environment_id uuid NOT NULL,
    user_id uuid NOT NULL,
    key varchar(255) NOT NULL,
    value varchar(255) NOT NULL,
    type enum_binding_type NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (environment_id, user_id, key),
    FOREIGN KEY (environment_id, user_id) REFERENCES environments (id, user_id)
        ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT check_binding_value CHECK (
        type IN ('var', 'secret')
        OR value ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
    )
);
