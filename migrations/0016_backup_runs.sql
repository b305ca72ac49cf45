-- Scheduled backups: one row for each instant, made under a lease by one of all runners.

CREATE TABLE backup_runs (
    due_at timestamptz PRIMARY KEY,
    lease uuid,
    leased_until timestamptz,
    attempts smallint NOT NULL DEFAULT 1,
    runner text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    -- The backup's, when there is one.
    name text,
    place text,
    rows bigint,
    bytes bigint,
    -- Why there is none.
    error text
);
