-- The tasks server: who may register HTTP tasks (their rows are in tasks, with the owner as tenant), how often clients ask, and
-- certificates that owners uploaded. Source: seed 004.

CREATE TABLE tasks_owners (
    -- A ULID.
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9-]{3,30}[a-z0-9]$' AND name !~ '--'),
    -- SHA-256 of a key of 64 characters drawn by chance: nothing that a slow hash would protect better.
    key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Requests of each client in its current window. Not logged: what a crash forgets is the count of a minute.
CREATE UNLOGGED TABLE tasks_throttle (
    client text PRIMARY KEY,
    requests integer NOT NULL,
    ends_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX tasks_throttle_ended ON tasks_throttle (ends_at);

CREATE TABLE tasks_certificates (
    id uuid PRIMARY KEY,
    owner uuid NOT NULL REFERENCES tasks_owners (id) ON DELETE CASCADE,
    name text CHECK (length(name) BETWEEN 1 AND 64),
    holds text NOT NULL CHECK (holds IN ('certificate', 'key', 'both', 'pkcs12')),
    -- Of the content, before it was sealed.
    size integer NOT NULL CHECK (size > 0),
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tasks_certificates_of_owner ON tasks_certificates (owner, id);

-- An owner has few live tasks, and any number that have ended, which never change again: these have an index for each order in which
-- they can be listed. No other kind of task pays for them.
CREATE INDEX tasks_http_live ON tasks (tenant)
    WHERE kind = 'http' AND status IN ('pending', 'running', 'paused');
CREATE INDEX tasks_http_created ON tasks (tenant, status, created_at, id)
    WHERE kind = 'http' AND status IN ('completed', 'failed', 'cancelled');
CREATE INDEX tasks_http_scheduled ON tasks (tenant, status, scheduled_at, id)
    WHERE kind = 'http' AND status IN ('completed', 'failed', 'cancelled');
CREATE INDEX tasks_http_ended ON tasks (tenant, status, completed_at, id)
    WHERE kind = 'http' AND status IN ('completed', 'failed', 'cancelled');

-- Registers tasks of owners who have fewer than `most` live ones; returns those that it has registered. A function, since what it counts must
-- be counted after the lock was had: each of its statements sees what was committed before it. Times are milliseconds since 1970, `ats` for
-- those with a time of their own, else `delays` after now.
CREATE FUNCTION register_http_tasks(
    owners uuid[], ids uuid[], options text[], delays bigint[], ats bigint[], most integer
) RETURNS TABLE (task uuid, created_ms bigint, scheduled_ms bigint) LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz;
BEGIN
    -- Who registers for an owner is alone. In the same order for all, so that nobody waits for each other.
    PERFORM FROM tasks_owners AS owner WHERE owner.id = ANY (owners) ORDER BY owner.id FOR NO KEY UPDATE;
    at := date_trunc('milliseconds', clock_timestamp());
    RETURN QUERY
    WITH new AS MATERIALIZED (
        SELECT row.*, row_number() OVER (PARTITION BY row.owner ORDER BY row.number) AS place
        FROM unnest(owners, ids, options, delays, ats) WITH ORDINALITY
            AS row (owner, id, options, delay_ms, at_ms, number)
    ), room AS MATERIALIZED (
        SELECT owner.id, most - (
            SELECT count(*) FROM (
                SELECT FROM tasks AS live
                WHERE live.tenant = owner.id AND live.kind = 'http' AND live.status IN ('pending', 'running', 'paused')
                LIMIT most
            ) AS counted
        ) AS places
        FROM tasks_owners AS owner
        WHERE owner.id = ANY (owners)
    )
    INSERT INTO tasks AS added (id, tenant, queue, kind, options, scheduled_at, created_at, updated_at)
    SELECT new.id, new.owner, 'http', 'http', to_jsonb(new.options),
        -- Beyond this no client can read a date.
        least(
            coalesce(to_timestamp(new.at_ms / 1000.0), at + make_interval(secs => new.delay_ms / 1000.0)),
            '9999-12-31 00:00:00Z'
        ),
        at, at
    FROM new JOIN room ON room.id = new.owner
    WHERE new.place <= room.places
    RETURNING added.id,
        floor(extract(epoch FROM added.created_at) * 1000)::bigint,
        floor(extract(epoch FROM added.scheduled_at) * 1000)::bigint;
END;
$$;

-- Removes an owner without live tasks, with all that is left of the others; returns whether it did. A function for the same reason.
CREATE FUNCTION remove_tasks_owner(gone uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM tasks_owners AS owner WHERE owner.id = gone FOR UPDATE;
    IF NOT FOUND OR EXISTS (
        SELECT FROM tasks AS live
        WHERE live.tenant = gone AND live.kind = 'http' AND live.status IN ('pending', 'running', 'paused')
    ) THEN
        RETURN false;
    END IF;
    DELETE FROM tasks AS ended WHERE ended.tenant = gone AND ended.kind = 'http';
    DELETE FROM tasks_owners AS owner WHERE owner.id = gone;
    RETURN true;
END;
$$;

-- Processes that remember an owner's key forget it.
CREATE FUNCTION notify_tasks_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tasks_owners', OLD.id::text);
    RETURN NULL;
END;
$$;
CREATE TRIGGER notify_tasks_owner AFTER UPDATE OR DELETE ON tasks_owners
    FOR EACH ROW EXECUTE FUNCTION notify_tasks_owner();
