"""Bindings as users meet them: a manifest, ``isolane dev``, HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Dev

MANIFEST = """
[[kv]]
binding = "VISITS"

[[services]]
binding = "GREETER"
name = "greeter"

[assets]
folder = "public"
"""
WORKER = """
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/count') {
      const count = (await env.VISITS.get('count') ?? 0) + 1;
      await env.VISITS.put('count', count);
      return Response.json({ count, keys: await env.VISITS.list() });
    }
    if (pathname === '/greet') return env.GREETER.fetch('/from-shop', { method: 'POST', body: 'you' });
    if (pathname === '/leak') {
      console.log('the key is', env.KEY, { key: env.KEY });
      throw new Error('can not log in with ' + env.KEY);
    }
    return env.ASSETS.fetch(request);
  },
};
"""
GREETER = """
export default {
  async fetch(request, env) {
    return new Response(`hello ${await request.text()} at ${new URL(request.url).pathname}: ${Object.keys(env)}`);
  },
};
"""


def test_a_worker_counts_calls_and_serves_files(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/shop/worker.toml", MANIFEST)
    cli.write("w/shop/index.js", WORKER)
    cli.write("w/shop/public/index.html", "<h1>shop</h1>")
    cli.write("w/greeter.js", GREETER)
    running = dev("w")
    assert running.get("shop", "/count").json() == {"count": 1, "keys": ["count"]}
    assert running.get("shop", "/count").json()["count"] == 2
    assert running.get("shop", "/greet").text == "hello you at /from-shop: "
    page = running.get("shop")
    assert (page.status_code, page.text) == (200, "<h1>shop</h1>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    again = running.get("shop", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = running.get("shop", headers={"range": "bytes=1-2"})
    assert (part.status_code, part.text) == (206, "h1")
    head = running.get("shop", method="HEAD")
    assert (head.status_code, head.headers["content-length"]) == (200, "13")
    for path in ("/..%2findex.js", "/%2e%2e/worker.toml", "/.env", "/nothing"):
        assert running.get("shop", path).status_code == 404, path
    assert running.get("shop", method="DELETE").status_code == 405


def test_a_secret_is_masked_wherever_a_worker_says_it(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/shop/index.js", WORKER)
    running = dev("w")
    said = cli("env", "set", "shop", "KEY", "sesame-open", "--secret")
    assert said.returncode == 0, said.stderr
    answer = running.get("shop", "/leak")
    assert (answer.status_code, answer.text) == (500, "Error: can not log in with ***\n")
    running.wait_for("the key is *** { key: '***' }")
    running.wait_for("can not log in with ***")
    assert not any("sesame-open" in line for line in running.lines)
