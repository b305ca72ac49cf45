-- baseline
-- Schedules, what they fired, and what workers logged.

CREATE TYPE enum_logs_level AS ENUM ('error', 'warn', 'info', 'log', 'debug', 'trace');

CREATE TABLE crons (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    value varchar(255) NOT NULL,
    worker_id uuid NOT NULL REFERENCES workers (id) ON UPDATE CASCADE ON DELETE CASCADE,
    last_run timestamptz,
    next_run timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE scheduled_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    cron_id uuid NOT NULL REFERENCES crons (id) ON UPDATE CASCADE ON DELETE CASCADE,
    worker_id uuid NOT NULL REFERENCES workers (id) ON UPDATE CASCADE ON DELETE CASCADE,
    replied_at timestamptz,
    executed_at timestamptz NOT NULL,
    scheduled_at timestamptz NOT NULL
);

CREATE TABLE logs (
    date timestamptz NOT NULL,
    worker_id uuid NOT NULL REFERENCES workers (id) ON UPDATE CASCADE ON DELETE CASCADE,
    message varchar(255) NOT NULL,
    level enum_logs_level NOT NULL
);
