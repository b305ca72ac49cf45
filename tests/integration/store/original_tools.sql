-- What the original's API, command line and scheduler say to the database, by its own names.
\set ON_ERROR_STOP on
\pset tuples_only on
\pset format unaligned

-- Accounts
INSERT INTO users (username, password_hash) VALUES ('alice', 'x') RETURNING id AS alice \gset
INSERT INTO external_users (user_id, provider, external_id) VALUES (:'alice', 'github', '42');
INSERT INTO auth_tokens (user_id, token, type, expires_at) VALUES (:'alice', 't', 'set_password', now() + interval '1 hour');
INSERT INTO api_keys (user_id, name, token_prefix, token_hash) VALUES (:'alice', 'ci', 'ow_abc', 'hash');
SELECT 'key', u.username FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.token_hash = 'hash' AND (k.expires_at IS NULL OR k.expires_at > now());
UPDATE users SET limit_workers = 50 WHERE username = 'alice';

-- An environment with everything that may be in one
INSERT INTO environments (name, "desc", user_id) VALUES ('production', 'all of it', :'alice') RETURNING id AS env \gset
INSERT INTO kv_configs (user_id, name, "desc") VALUES (:'alice', 'cache', NULL) RETURNING id AS kv \gset
INSERT INTO kv_data (namespace_id, key, value, expires_at) VALUES (:'kv', 'greeting', '"hi"', NULL)
    ON CONFLICT (namespace_id, key) DO UPDATE SET value = EXCLUDED.value, expires_at = EXCLUDED.expires_at;
INSERT INTO storage_configs (user_id, name, bucket, prefix, access_key_id, secret_access_key, endpoint, region, public_url)
    VALUES (:'alice', 'files', 'shop', 'alice', 'key', 'secret', 'https://s3.test', 'auto', NULL) RETURNING id AS storage \gset
INSERT INTO database_configs (user_id, name, provider, schema_name) VALUES (:'alice', 'db', 'platform', 'tenant_alice') RETURNING id AS db \gset
INSERT INTO environment_values (environment_id, user_id, key, value, type) VALUES
    (:'env', :'alice', 'GREETING', 'hello', 'var'), (:'env', :'alice', 'TOKEN', 'hidden', 'secret'), (:'env', :'alice', 'CACHE', :'kv', 'kv');
UPDATE environment_values SET value = 'good day' WHERE environment_id = :'env' AND key = 'GREETING';

-- Workers and their versions
INSERT INTO workers (name, "desc", user_id, environment_id) VALUES ('shop', NULL, :'alice', :'env') RETURNING id AS shop \gset
INSERT INTO worker_deployments (worker_id, version, hash, code_type, code, deployed_by, message)
    VALUES (:'shop', 1, 'a', 'javascript', convert_to('export default { fetch: () => new Response("old") };', 'UTF8'), :'alice', 'first');
INSERT INTO worker_deployments (worker_id, version, hash, code_type, code, deployed_by)
    VALUES (:'shop', (SELECT max(version) + 1 FROM worker_deployments WHERE worker_id = :'shop'), 'b', 'typescript', convert_to(
    'export default { async fetch(r: Request, env: any) { return new Response(`${env.GREETING} ${await env.CACHE.get("greeting")} ${env.TOKEN.length}`); },'
    ' scheduled() { console.log("on time"); } };', 'UTF8'), :'alice');
UPDATE workers SET current_version = 2 WHERE id = :'shop';
INSERT INTO workers (name, user_id) VALUES (NULL, :'alice') RETURNING id AS part \gset
INSERT INTO worker_deployments (worker_id, version, hash, code_type, code)
    VALUES (:'part', 1, 'c', 'javascript', convert_to('addEventListener("fetch", (e) => e.respondWith(new Response("a part")));', 'UTF8'));
UPDATE workers SET current_version = 1 WHERE id = :'part';
SELECT 'version', w.name, d.version, d.code_type FROM workers w JOIN worker_deployments d ON d.worker_id = w.id AND d.version = w.current_version WHERE w.name = 'shop';

-- Addresses
INSERT INTO domains (name, user_id, worker_id) VALUES ('shop.example.com', :'alice', :'shop');
SELECT upgrade_worker_to_project(:'shop') = :'shop';
INSERT INTO project_routes (project_id, pattern, priority, backend_type, worker_id) VALUES (:'shop', '/part/*', 10, 'worker', :'part');
UPDATE workers SET project_id = :'shop' WHERE id = :'part';
SELECT link_worker_environment(:'shop', :'env');
SELECT 'endpoint', name, type FROM endpoints WHERE user_id = :'alice' ORDER BY type;
SELECT 'resolved', worker_id = :'part', project_id = :'shop', backend_type, assets_storage_id, priority FROM resolve_worker_from_request(NULL, NULL, 'shop', '/part/x');
SELECT 'resolved', worker_id = :'shop', project_id IS NULL FROM resolve_worker_from_request('shop.example.com', NULL, NULL, '/');
SELECT 'by id', worker_id = :'part' FROM resolve_worker_from_request(p_worker_id => :'part');

-- Schedules and logs
INSERT INTO crons (worker_id, value, next_run) VALUES (:'shop', '0 0 1 1 *', now()) RETURNING id AS cron \gset
INSERT INTO crons (worker_id, value) VALUES (:'shop', '*/5 * * * *') RETURNING id AS gone \gset
UPDATE crons SET deleted_at = now() WHERE id = :'gone';
INSERT INTO scheduled_events (cron_id, worker_id, executed_at, scheduled_at) VALUES (:'gone', :'shop', now(), now()) RETURNING id AS event \gset
UPDATE scheduled_events SET replied_at = now() WHERE id = :'event';
INSERT INTO logs (date, worker_id, level, message) VALUES (now(), :'shop', 'log', 'by hand');
SELECT 'log', level, message FROM logs WHERE worker_id = :'shop' AND date > now() - interval '1 day' ORDER BY date DESC LIMIT 10;
