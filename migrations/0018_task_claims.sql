-- What a column of tasks may have is the column's type now. PostgreSQL reads the text of each CHECK of a table anew for every statement
-- that updates it, of whichever columns: a claim and an outcome took a sixth less of the server's time without (docs/decisions/022).

CREATE DOMAIN task_queue AS text
    CONSTRAINT queue_has_1_to_100_characters CHECK (VALUE <> '' AND length(VALUE) <= 100);
CREATE DOMAIN task_kind AS text
    CONSTRAINT kind_is_script_worker_or_http CHECK (VALUE IN ('script', 'worker', 'http'));
CREATE DOMAIN task_type AS text
    CONSTRAINT type_has_1_to_100_characters CHECK (VALUE <> '' AND length(VALUE) <= 100);
CREATE DOMAIN task_key AS text
    CONSTRAINT key_has_255_characters_at_most CHECK (length(VALUE) <= 255);
CREATE DOMAIN task_priority AS smallint
    CONSTRAINT priority_is_from_minus_100_to_100 CHECK (VALUE BETWEEN -100 AND 100);
CREATE DOMAIN task_status AS text
    CONSTRAINT status_is_known CHECK (VALUE IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'paused'));
CREATE DOMAIN task_max_attempts AS integer
    CONSTRAINT max_attempts_are_from_1_to_1000 CHECK (VALUE BETWEEN 1 AND 1000);
CREATE DOMAIN task_timeout_ms AS integer
    CONSTRAINT timeout_ms_is_positive CHECK (VALUE > 0);

ALTER TABLE tasks
    DROP CONSTRAINT tasks_queue_check, ALTER COLUMN queue TYPE task_queue,
    DROP CONSTRAINT tasks_kind_check, ALTER COLUMN kind TYPE task_kind,
    DROP CONSTRAINT tasks_type_check, ALTER COLUMN type TYPE task_type,
    DROP CONSTRAINT tasks_key_check, ALTER COLUMN key TYPE task_key,
    DROP CONSTRAINT tasks_concurrency_key_check, ALTER COLUMN concurrency_key TYPE task_key,
    DROP CONSTRAINT tasks_priority_check, ALTER COLUMN priority TYPE task_priority,
    DROP CONSTRAINT tasks_status_check, ALTER COLUMN status TYPE task_status,
    DROP CONSTRAINT tasks_max_attempts_check, ALTER COLUMN max_attempts TYPE task_max_attempts,
    DROP CONSTRAINT tasks_timeout_ms_check, ALTER COLUMN timeout_ms TYPE task_timeout_ms;

-- That a task has the program that its kind needs is about three columns, so that no type can say it. It is looked at when a task comes;
-- nobody changes its program later, and executors refuse what they can not execute.
ALTER TABLE tasks DROP CONSTRAINT tasks_has_a_program;
CREATE FUNCTION refuse_task_without_program() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a task of kind "%" needs its %', NEW.kind, NEW.kind
        USING ERRCODE = 'check_violation', CONSTRAINT = 'tasks_has_a_program', TABLE = 'tasks', SCHEMA = TG_TABLE_SCHEMA;
END;
$$;
CREATE TRIGGER tasks_has_a_program AFTER INSERT ON tasks
    FOR EACH ROW
    WHEN (CASE NEW.kind WHEN 'script' THEN NEW.script IS NULL WHEN 'worker' THEN NEW.worker IS NULL ELSE false END)
    EXECUTE FUNCTION refuse_task_without_program();

-- The lease of a task, of what its claim has drawn: a random number for each task would take ten times as long on a server that opens
-- /dev/urandom for it.
CREATE FUNCTION task_lease(draw uuid, task uuid) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(substring(sha256(uuid_send(draw) || uuid_send(task)) FROM 1 FOR 16), 'hex')::uuid;
