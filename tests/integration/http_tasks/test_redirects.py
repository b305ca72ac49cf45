"""Redirects: how far a task follows them, with what, and where it does not go."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import TYPE_CHECKING, Any

import pytest

from runner.http_tasks.model import Cookie, Credentials, Resolve, Signature
from runner.tasks.task import Completed
from tests.integration.http_tasks.conftest import Sender
from tests.integration.http_tasks.site import Asked, Reply, open_site

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.integration.http_tasks.site import Authority

TOM = Credentials(username="tom", password="secret")
TIM = Credentials(username="tim", password="trusted")


def steps(**replies: Reply) -> Callable[[Asked, asyncio.StreamWriter], Awaitable[Reply]]:
    """Answer by path; ``done`` for all that is not named."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        return replies.get(asked.target.strip("/").partition("?")[0], Reply(200, b"done"))

    return answer


def moved(status: int, location: str) -> Reply:
    return Reply(status, b"moved", (("location", location),))


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "PATCH", "PATCH"),
        (302, "PUT", "PUT"),
    ],
)
async def test_a_redirect_is_followed(sender: Sender, status: int, method: str, then: str) -> None:
    """With the method and body that its status asks for; the answer is the last one's."""
    async with open_site(steps(a=moved(status, "b?x=1"))) as site:
        end = await sender.send(site.url("/a"), {"method": method, "data": "text"})
    assert (end.status, end.body) == (200, b"done")
    last = site.asked[-1]
    assert (last.method, last.target) == (then, "/b?x=1")
    assert last.body == (b"" if then == "GET" else b"text")
    assert last.headers["referer"] == site.url("/a")
    assert last.headers["x-tasks-queue-id"] == site.asked[0].headers["x-tasks-queue-id"]


async def test_a_redirect_may_be_the_answer(sender: Sender) -> None:
    """If the task does not want to be led on."""
    async with open_site(steps(a=moved(302, "/b"))) as site:
        end = await sender.send(site.url("/a"), location=False)
    assert (end.status, end.body) == (302, b"moved")
    assert isinstance(end.outcome, Completed)


async def test_a_loop_ends_as_an_error(sender: Sender) -> None:
    """After as many redirects as the task allows."""
    async with open_site(steps(a=moved(302, "/a"))) as site:
        end = await sender.send(site.url("/a"), redirect_attempts=3)
    assert (end.status, end.body) == (500, b"NetworkError: more than 3 redirects")
    assert len(site.asked) == 4


async def test_a_redirect_to_a_private_address_is_refused(guarded: Sender) -> None:
    """Each hop is judged: by name, by address, by whatever the task says that a name means."""
    async with open_site(Reply()) as inside:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"):
            end = await guarded.send(inside.url(host=host))
            assert (end.status, end.body) != (200, b"ok"), host
        lead = Resolve(host="*", port=inside.port, address=["127.0.0.1"])
        end = await guarded.send(inside.url(host="one.example"), resolve=[lead])
        assert b"public" in (end.body or b"")
    assert inside.connections == 0


async def test_the_guard_stands_at_each_redirect(transport: str) -> None:
    """From a place that is open to one that is not."""
    sender = Sender(transport, base=("127.0.0.1",))
    async with open_site(Reply(), host="127.0.0.2") as inside:
        away = moved(302, inside.url("/b", host="127.0.0.2"))
        async with open_site(steps(a=away)) as site:
            end = await sender.send(site.url("/a"))
    await sender.tasks.close()
    assert (end.status, end.body) == (500, b"NetworkError: 127.0.0.2 is not a public address")
    assert (len(site.asked), inside.connections) == (1, 0)


async def test_credentials_stay_at_home(sender: Sender) -> None:
    """Neither they, nor cookies, nor a signature go along to another origin."""
    async with open_site(Reply()) as other, open_site(steps(a=moved(307, other.url("/b")))) as site:
        request = {
            "method": "POST",
            "auth_basic": TOM,
            "headers": {"Host": "home.example", "X-Own": "1"},
            "cookie": "",
        }
        await sender.send(site.url("/a"), request, signature=Signature(secret="s"))
    (at_home,), (away,) = site.asked, other.asked
    assert {"authorization", "x-tasks-signature"} <= at_home.headers.keys()
    assert at_home.headers["host"] == "home.example"
    assert not {"authorization", "x-tasks-signature"} & away.headers.keys()
    assert away.headers["host"] == f"127.0.0.1:{other.port}"
    assert away.headers["x-own"] == "1"


async def test_trusted_places_get_credentials_of_their_own(sender: Sender) -> None:
    """Those of locationTrusted, wherever it leads."""
    async with open_site(Reply()) as other, open_site(steps(a=moved(302, other.url("/b")))) as site:
        await sender.send(site.url("/a"), {"auth_basic": TOM}, location_trusted=TIM)
    sent = [base64.b64decode(one.headers["authorization"][6:]) for one in (*site.asked, *other.asked)]  # fmt: skip
    assert sent == [b"tom:secret", b"tim:trusted"]


async def test_cookies_that_are_set_on_the_way_come_along(sender: Sender) -> None:
    """To the same host, beside the task's own."""
    reply = Reply(302, b"", (("location", "/b"), ("set-cookie", "s=1; Path=/; HttpOnly")))
    async with open_site(steps(a=reply)) as site:
        await sender.send(site.url("/a"), {"cookie": [Cookie(name="c", value="2")]})
    assert site.asked[1].headers["cookie"] in {"c=2; s=1", "s=1; c=2"}


@pytest.mark.parametrize("option", ["proto", "proto_redirect"])
async def test_a_task_may_insist_on_a_protocol(
    sender: Sender, option: str, authority: Authority
) -> None:
    """For all of its requests, or for redirects."""
    wanted: Any = {option: "https"}
    async with open_site(Reply()) as plain:
        reply = moved(302, plain.url("/b"))
        async with open_site(steps(a=reply), authority.context()) as site:
            ca = base64.b64encode(authority.certificate).decode()
            end = await sender.send(site.url("/a"), ca=ca, **wanted)
            assert end.status == 500
            assert b"http, which the task does not allow" in (end.body or b"")
        end = await sender.send(plain.url(), **wanted)
        assert end.status == (500 if option == "proto" else 200)
    assert len(plain.asked) == (option == "proto_redirect")


async def test_the_referer_is_the_one_that_is_wanted(sender: Sender) -> None:
    """A fixed one from the first request on."""
    async with open_site(steps(a=moved(302, "/b"))) as site:
        await sender.send(site.url("/a"), referer_url="https://from.example/x")
    assert [one.headers["referer"] for one in site.asked] == ["https://from.example/x"] * 2


async def test_a_referrer_policy_is_followed() -> None:
    """As the Referrer Policy standard has them; it is fetch's."""
    sender = Sender("fetch")
    policies = {
        "no-referrer": [None, None],
        "same-origin": ["/a", None],
        "origin": ["/", "/"],
        "strict-origin-when-cross-origin": ["/a", "/"],
        "unsafe-url": ["/a", "/b"],
    }
    for policy, expected in policies.items():
        async with open_site(Reply()) as other:
            replies = steps(a=moved(302, "/b"), b=moved(302, other.url("/c")))
            async with open_site(replies) as site:
                await sender.send(site.url("/a"), referrer_policy=policy)
        found = [one.headers.get("referer") for one in (site.asked[1], other.asked[0])]
        paths = [None if one is None else re.sub(r"^http://[^/]+", "", one) for one in found]
        assert paths == expected, policy
    await sender.tasks.close()


async def test_hosts_that_want_tls_get_it(sender: Sender, authority: Authority) -> None:
    """Those of a file of curl's; a port that is said stays."""
    file = base64.b64encode(b'# HSTS\n127.0.0.1 "unlimited"\n').decode()
    ca = base64.b64encode(authority.certificate).decode()
    async with open_site(Reply(), authority.context()) as site:
        url = f"http://127.0.0.1:{site.port}/a"
        assert (await sender.send(url, hsts=file, ca=ca)).status == 200
        assert (await sender.send(url, hsts=True, ca=ca)).status == 500
