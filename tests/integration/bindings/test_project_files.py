"""A project whose routes lead to files: they come from its main worker's ASSETS binding, as the original's tools set it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Running

SETUP = """
WITH u AS (INSERT INTO users (username) VALUES ('shop') RETURNING id),
s AS (
    INSERT INTO storage_configs (user_id, name, bucket, prefix, endpoint, region, access_key_id, secret_access_key)
    SELECT id, 'files', 'project-files', 'site', %(endpoint)s, 'us-east-1', 'id', 'key' FROM u RETURNING id
),
e AS (INSERT INTO environments (name, user_id) SELECT 'e', id FROM u RETURNING id, user_id),
v AS (
    INSERT INTO environment_values (environment_id, user_id, key, value, type)
    SELECT e.id, e.user_id, 'ASSETS', s.id::text, 'assets' FROM e, s
),
w AS (
    INSERT INTO workers (name, user_id, environment_id, current_version) SELECT 'shop', user_id, id, 1 FROM e RETURNING id
)
INSERT INTO worker_deployments (worker_id, version, hash, code_type, code)
SELECT id, 1, 'h', 'javascript', 'export default { fetch: () => new Response("worker") }' FROM w
RETURNING worker_id
"""


def test_files_pages_and_what_no_file_matches(
    serve: Callable[..., Running], servers: dict[str, str], s3_server: str
) -> None:
    with httpx.Client(base_url=s3_server, trust_env=False) as client:
        client.put("/project-files").raise_for_status()
        for name, content in (
            ("logo.png", "logo"),
            ("about.html", "about"),
            ("index.html", "home"),
        ):
            client.put(f"/project-files/site/{name}", content=content).raise_for_status()
    with psycopg.connect(servers["DATABASE_URL"], autocommit=True) as connection:
        row = connection.execute(SETUP, {"endpoint": s3_server}).fetchone()
        assert row is not None
        connection.execute("SELECT upgrade_worker_to_project(%s)", row)
        for pattern, priority in (("/logo.png", 3), ("/about", 1), ("/gone.png", 3)):
            connection.execute(
                "INSERT INTO project_routes (project_id, pattern, priority, backend_type) VALUES (%s, %s, %s, 'storage')",
                (row[0], pattern, priority),
            )
    running = serve(FETCH_ALLOW_PRIVATE_NETWORK="true")
    running.reach()
    assert running.get("shop", "/anything").text == "worker"
    logo = running.get("shop", "/logo.png")
    assert (logo.text, logo.headers["content-type"]) == ("logo", "image/png")
    part = running.get("shop", "/logo.png", headers={"range": "bytes=1-2"})
    assert (part.status_code, part.text) == (206, "og")
    etag = {"if-none-match": logo.headers["etag"]}
    assert running.get("shop", "/logo.png", headers=etag).status_code == 304
    assert running.get("shop", "/about").text == "about"
    assert running.get("shop", "/about.html").text == "about"
    assert running.get("shop", "/gone.png").status_code == 404
    assert running.get("shop", "/logo.png", method="POST").status_code == 405
