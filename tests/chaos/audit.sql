-- Every change of a task's state, written by the transaction that makes it: what is here was committed.
CREATE TABLE audit (
    task uuid NOT NULL, was text NOT NULL, became text NOT NULL, lease uuid, by text,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON audit (lease);
CREATE INDEX ON audit (at);

CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (task, was, became, lease, by) VALUES (NEW.id, OLD.status, NEW.status, OLD.lease_id, OLD.leased_by);
    RETURN NULL;
END;
$$;
CREATE TRIGGER note_change AFTER UPDATE ON tasks
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.lease_id IS DISTINCT FROM NEW.lease_id)
    EXECUTE FUNCTION note_change();
