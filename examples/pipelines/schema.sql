-- The table of tasks that task-runner.yaml, retry-stalled.yaml and report-by-email.yaml work with:
--   createdb bussin && psql bussin -f schema.sql

CREATE TYPE public.task_status AS ENUM ('queued', 'running', 'succeeded', 'failed', 'dead');
CREATE TABLE public.tasks (
    id bigserial NOT NULL,
    key text UNIQUE NOT NULL,
    queue text DEFAULT 'default'::text NOT NULL,
    status task_status DEFAULT 'queued' NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    results jsonb DEFAULT '{}'::jsonb NOT NULL,
    error text DEFAULT '' NOT NULL,
    timeout text DEFAULT '15 minutes' NOT NULL,
    retries integer DEFAULT 3 NOT NULL,
    start timestamptz DEFAULT now() NOT NULL,
    worker text,
    locked timestamptz,
    created timestamptz DEFAULT now() NOT NULL,
    updated timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT nonrunning_requires_no_lock CHECK (((status = 'running') OR ((locked IS NULL) AND (worker IS NULL)))),
    CONSTRAINT running_requires_lock CHECK (((status <> 'running') OR ((locked IS NOT NULL) AND (worker IS NOT NULL))))
);
