-- From a request to a worker. Order: id, name, domain; a project's routes decide last.

-- `**` is anything, `*` one segment; at the end of a pattern without `**`, `/*` is whatever begins like it.
CREATE OR REPLACE FUNCTION pattern_to_regex(pattern text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN '^' || replace(replace(replace(
    regexp_replace(
        CASE WHEN pattern LIKE '%/*' AND position('**' IN pattern) = 0 THEN pattern || '*' ELSE pattern END,
        '([][\\.+?^$(){}|])', '\\\1', 'g'
    ),
    '**', E'\x01'), '*', '[^/]+'), E'\x01', '.*') || '$';

CREATE OR REPLACE FUNCTION match_route_pattern(path text, pattern text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN position('*' IN pattern) = 0 THEN path = pattern ELSE path ~ pattern_to_regex(pattern) END;

-- Exact patterns first, then by how much of the pattern is literal; `*` before `**`.
CREATE OR REPLACE FUNCTION route_pattern_specificity(pattern text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
    WHEN position('*' IN pattern) = 0 THEN 100000 + length(pattern)
    ELSE 10 * length(replace(pattern, '*', '')) - (length(pattern) - length(replace(pattern, '*', '')))
END;

-- A Host header as a name: lower case, without port and without the root's dot.
CREATE FUNCTION host_name(host text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN rtrim(regexp_replace(lower(host), ':[0-9]*$', ''), '.');

DO $$
BEGIN
    -- The original's database has it.
    CREATE TYPE request_resolution AS (
        worker_id uuid,
        project_id uuid,
        backend_type enum_backend_type,
        assets_storage_id uuid,
        priority integer
    );
EXCEPTION WHEN duplicate_object THEN NULL;
END;
$$;

-- All NULL: nothing found. Only a project: it has no route for the path.
CREATE OR REPLACE FUNCTION resolve_worker_from_request(
    p_domain varchar DEFAULT NULL,
    p_worker_id uuid DEFAULT NULL,
    p_worker_name varchar DEFAULT NULL,
    p_path varchar DEFAULT '/'
) RETURNS request_resolution LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    result request_resolution;
    owner uuid;
BEGIN
    -- The first of the three that is given decides; it never falls through to the next.
    IF p_worker_id IS NOT NULL THEN
        SELECT id INTO result.worker_id FROM workers WHERE id = p_worker_id;
    ELSIF p_worker_name IS NOT NULL THEN
        SELECT project_id, worker_id, user_id INTO result.project_id, result.worker_id, owner
        FROM endpoints WHERE lower(name) = lower(p_worker_name)
        -- A project wins over its main worker, the very spelling over another.
        ORDER BY type DESC, name = p_worker_name DESC, created_at LIMIT 1;
    ELSIF p_domain IS NOT NULL THEN
        SELECT d.project_id, d.worker_id, d.user_id INTO result.project_id, result.worker_id, owner
        FROM domains AS d
        LEFT JOIN workers AS w ON w.id = d.worker_id
        LEFT JOIN projects AS p ON p.id = d.project_id
        WHERE lower(d.name) = host_name(p_domain) AND d.user_id = coalesce(w.user_id, p.user_id)
        ORDER BY d.created_at LIMIT 1;
    END IF;

    IF result.project_id IS NULL THEN
        IF result.worker_id IS NOT NULL THEN
            result.backend_type := 'worker';
        END IF;
        RETURN result;
    END IF;

    SELECT r.worker_id, r.backend_type, r.priority INTO result.worker_id, result.backend_type, result.priority
    FROM project_routes AS r
    LEFT JOIN workers AS w ON w.id = r.worker_id
    WHERE r.project_id = result.project_id
      AND (r.worker_id IS NULL OR w.user_id = owner)
      -- A prerendered page is there under its file's name, too.
      AND (match_route_pattern(p_path, r.pattern) OR p_path = r.pattern || '.html')
    ORDER BY route_pattern_specificity(r.pattern) DESC, r.priority DESC, r.pattern
    LIMIT 1;

    IF result.backend_type = 'storage' THEN
        SELECT s.id INTO result.assets_storage_id
        FROM workers AS main
        JOIN environment_values AS v ON v.environment_id = main.environment_id AND v.user_id = main.user_id
        JOIN storage_configs AS s ON s.id::text = v.value AND s.user_id = main.user_id
        WHERE main.id = result.project_id AND v.key = 'ASSETS' AND v.type = 'assets';
    END IF;
    RETURN result;
END;
$$;
