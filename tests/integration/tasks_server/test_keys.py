"""A change of keys: what waits is sealed with the new one, and the old one can go."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from runner.http_tasks.model import Answered
from runner.http_tasks.sealing import TaskSealing
from runner.service_settings import SecretKey
from runner.store.pool import connect
from runner.store.sealing import seal_all
from runner.store.secrets import SecretBox
from tests.integration.tasks_server.certificate import PEM
from tests.integration.tasks_server.serving import KEY, LATER, OwnerClient, execute, row_of, serve

if TYPE_CHECKING:
    from tests.integration.tasks_server.serving import Served

NEW = SecretKey(2, b"n" * 32)


async def test_live_tasks_and_uploads_need_the_new_key_alone(
    served: Served, empty: str, alice: OwnerClient
) -> None:
    queue = await alice.register({**LATER, "metadata": {"who": "größe"}})
    upload = await alice.ask("POST", "/v1/certificates", json={"value": b64encode(PEM).decode()})
    # As after an attempt that is to be repeated.
    ((owner,),) = execute(empty, "SELECT tenant FROM tasks")
    old = TaskSealing(SecretBox([KEY]))
    answer = old.seal_answer(Answered(status=503, body=b"no"), owner, row_of(queue))
    execute(
        empty,
        "UPDATE tasks SET result = jsonb_build_object('statusCode', 503, 'response', %s::text)",
        answer["response"],
    )
    before = await alice.get(queue)
    assert before["response"] == b64encode(b"no").decode()
    async with connect(empty) as connection:
        assert await seal_all(connection, SecretBox([NEW, KEY])) == 3
        assert await seal_all(connection, SecretBox([NEW, KEY])) == 0
    async with serve(empty, keys=(NEW,)) as with_new:
        there = OwnerClient(with_new.http, alice.name, alice.id, alice.key)
        assert await there.get(queue) == before
        contents = await with_new.server.uploads.contents(owner, [upload.json()["id"]])
        assert list(contents.values()) == [PEM]


async def test_without_the_key_a_task_is_told_as_an_error_of_the_servers(
    served: Served, empty: str, alice: OwnerClient
) -> None:
    """Without a word about why."""
    queue = await alice.register()
    async with serve(empty, keys=(NEW,)) as with_new:
        there = OwnerClient(with_new.http, alice.name, alice.id, alice.key)
        answer = await there.ask("GET", f"/v1/queues/{queue}")
        assert answer.status_code == 500
        assert answer.json()["message"] == "Internal server error"
        assert (await there.ask("DELETE", f"/v1/queues/{queue}")).status_code == 200


async def test_without_any_key_nothing_is_registered(empty: str) -> None:
    """As nothing is stored in clear text."""
    async with serve(empty, keys=()) as served:
        alice = await served.owner("alice")
        answer = await alice.ask("POST", "/v1/queues/register", json=LATER)
        assert answer.status_code == 503
        assert answer.json()["message"] == "The server has no key to seal tasks with"
        assert await alice.count() == 0
