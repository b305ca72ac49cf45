-- A name belongs to one endpoint, and what leads to a worker belongs to the worker's tenant.

CREATE OR REPLACE FUNCTION check_endpoint_name_unique() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.name IS NULL THEN
        RETURN NEW;
    END IF;
    -- Two transactions may not find the same name free.
    PERFORM pg_advisory_xact_lock(hashtextextended('endpoint ' || lower(NEW.name), 0));
    -- A project and its main worker share an id, and may share the name.
    IF EXISTS (SELECT FROM workers WHERE lower(name) = lower(NEW.name) AND id <> NEW.id)
       OR EXISTS (SELECT FROM projects WHERE lower(name) = lower(NEW.name) AND id <> NEW.id) THEN
        RAISE EXCEPTION 'the name % is taken', NEW.name USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER check_workers_endpoint_name BEFORE INSERT OR UPDATE OF name ON workers
    FOR EACH ROW EXECUTE FUNCTION check_endpoint_name_unique();
CREATE OR REPLACE TRIGGER check_projects_endpoint_name BEFORE INSERT OR UPDATE OF name ON projects
    FOR EACH ROW EXECUTE FUNCTION check_endpoint_name_unique();

CREATE OR REPLACE FUNCTION check_ownership() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fields jsonb := to_jsonb(NEW);
    owner uuid := CASE TG_TABLE_NAME
        WHEN 'project_routes' THEN (SELECT user_id FROM projects WHERE id = (fields ->> 'project_id')::uuid)
        ELSE (fields ->> 'user_id')::uuid
    END;
BEGIN
    IF EXISTS (SELECT FROM environments WHERE id = (fields ->> 'environment_id')::uuid AND user_id <> owner)
       OR EXISTS (SELECT FROM projects WHERE id = (fields ->> 'project_id')::uuid AND user_id <> owner)
       OR EXISTS (SELECT FROM workers WHERE id = (fields ->> 'worker_id')::uuid AND user_id <> owner) THEN
        RAISE EXCEPTION '% may only refer to what is of the same user', TG_TABLE_NAME
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER check_workers_ownership
    BEFORE INSERT OR UPDATE OF user_id, project_id, environment_id ON workers
    FOR EACH ROW EXECUTE FUNCTION check_ownership();
CREATE OR REPLACE TRIGGER check_projects_ownership
    BEFORE INSERT OR UPDATE OF user_id, environment_id ON projects
    FOR EACH ROW EXECUTE FUNCTION check_ownership();
CREATE OR REPLACE TRIGGER check_domains_ownership
    BEFORE INSERT OR UPDATE OF user_id, worker_id, project_id ON domains
    FOR EACH ROW EXECUTE FUNCTION check_ownership();
CREATE OR REPLACE TRIGGER check_project_routes_ownership
    BEFORE INSERT OR UPDATE OF project_id, worker_id ON project_routes
    FOR EACH ROW EXECUTE FUNCTION check_ownership();

-- Makes a standing worker the main one of a project with its name.
CREATE OR REPLACE FUNCTION upgrade_worker_to_project(p_worker_id uuid) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO projects (id, name, user_id, environment_id)
    SELECT id, name, user_id, environment_id FROM workers WHERE id = p_worker_id AND project_id IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no worker % outside of a project', p_worker_id
            USING ERRCODE = 'no_data_found';
    END IF;
    UPDATE workers SET project_id = p_worker_id WHERE id = p_worker_id;
    INSERT INTO project_routes (project_id, pattern, backend_type, worker_id)
    VALUES (p_worker_id, '/*', 'worker', p_worker_id);
    RETURN p_worker_id;
END;
$$;

-- Gives a worker another environment; all workers of a project have one.
CREATE OR REPLACE FUNCTION link_worker_environment(p_worker_id uuid, p_environment_id uuid)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    project uuid := (SELECT project_id FROM workers WHERE id = p_worker_id);
BEGIN
    UPDATE projects SET environment_id = p_environment_id WHERE id = project;
    UPDATE workers SET environment_id = p_environment_id WHERE id = p_worker_id OR project_id = project;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no worker %', p_worker_id USING ERRCODE = 'no_data_found';
    END IF;
END;
$$;
