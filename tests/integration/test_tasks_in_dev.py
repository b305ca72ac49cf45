"""Tasks from worker to worker, as `isolane dev` runs them: enqueued through a binding, executed by handlers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.integration.api.conftest import control_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Dev

SHOP = """
export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    try {
      if (pathname === '/one') {
        return Response.json(await env.TASKS.enqueue('add', { a: 1, b: 2 }, { priority: 5, key: 'sum' }));
      }
      if (pathname === '/many') {
        const tasks = [1, 2, 3].map(a => ({ type: 'add', payload: { a, b: a }, scheduledAt: new Date(0) }));
        return Response.json(await env.TASKS.enqueueMany(tasks));
      }
      if (pathname === '/other') return Response.json(await env.MAILER.enqueue(null, 'hello'));
      if (pathname === '/wrong') return Response.json(await env.TASKS.enqueue('add', 1n));
      return Response.json(await env[pathname.slice(1)].get(searchParams.get('id')));
    } catch (error) {
      return Response.json({ name: error.name, message: error.message, keys: Object.keys(env) });
    }
  },
  tasks: { add: { maxAttempts: 2, handler: ({ a, b }) => ({ sum: a + b }) } },
};
"""
MAILER = "export default { task: payload => payload.toUpperCase() };"


def test_workers_have_tasks_done(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/shop/index.js", SHOP)
    cli.write(
        "w/shop/worker.toml",
        'main = "index.js"\n[[tasks]]\nbinding = "TASKS"\n[[tasks]]\nbinding = "MAILER"\nname = "mailer"\n',
    )
    cli.write("w/mailer.js", MAILER)
    running = dev("w")

    def get(target: str) -> Any:
        return running.get("shop", target).json()

    def wait(task: str) -> Any:
        done = cli("tasks", "show", task, "--wait", "20", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    one = get("/one")
    assert one["created"] is True, one
    task = wait(one["id"])
    assert (task["status"], task["result"], task["priority"]) == ("completed", {"sum": 3}, 5)
    sums = [wait(one["id"])["result"] for one in get("/many")]
    assert sums == [{"sum": 2}, {"sum": 4}, {"sum": 6}]
    mail = get("/other")
    assert wait(mail["id"])["result"] == "HELLO"
    assert get(f"/MAILER?id={mail['id']}")["result"] == "HELLO"
    assert get(f"/TASKS?id={mail['id']}") is None
    assert get("/wrong")["name"] == "TypeError"
    values = {
        value["key"]: value for value in json.loads(cli("env", "ls", "shop", "--json").stdout)
    }
    assert (values["TASKS"]["type"], values["TASKS"]["target"]) == ("tasks", "shop")
    assert values["MAILER"]["target"] == "mailer"


def test_so_many_tasks_of_a_tenant_may_wait_whichever_door_they_come_through(
    cli: Cli, dev: Callable[..., Dev]
) -> None:
    cli.write(
        "w/shop/index.js",
        """export default { async fetch(request, env) {
          const tasks = [{ queue: 'held' }, { queue: 'held' }];
          return new Response(await env.TASKS.enqueueMany(tasks).then(() => 'enqueued', String));
        } };""",
    )
    cli.write("w/shop/worker.toml", 'main = "index.js"\n[[tasks]]\nbinding = "TASKS"\n')
    running = dev("w", MAX_PENDING_TASKS_PER_TENANT="3")
    assert cli("queues", "pause", "held").returncode == 0
    refused = "3 tasks of this tenant wait already, more are not taken"
    assert running.get("shop").text == "enqueued"
    assert running.get("shop").text == f"Error: tasks: {refused}"
    enqueue = ("tasks", "enqueue", "shop", "--queue", "held")
    assert cli(*enqueue).returncode == 0
    done = cli(*enqueue)
    assert done.returncode == 4
    assert done.stderr.startswith(f"isolane: {refused}")
    with control_of(running) as control:
        task = {"worker": "shop", "queue": "held"}
        for path, body in (("", task), ("/bulk", {"tasks": [task]})):
            answer = control.post(f"/v1/tenants/dev/tasks{path}", json=body)
            assert answer.status_code == 409
            assert answer.json()["error"]["reason"] == "limit"
            assert answer.json()["error"]["message"] == refused
