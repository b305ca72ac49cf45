"""What arrives at a server of what a task says, and what becomes of its answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import zlib
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from runner.http_tasks.model import (
    DEFAULT_USER_AGENT,
    Cookie,
    Credentials,
    Field,
    Resolve,
    Signature,
)
from runner.tasks.task import Completed
from tests.integration.http_tasks.site import Asked, Reply, open_site

if TYPE_CHECKING:
    import asyncio

    from tests.integration.http_tasks.conftest import Sender

TOM = Credentials(username="tom", password="pässword:1")


async def test_a_request_arrives_as_it_was_registered(sender: Sender) -> None:
    """Method, path, query, headers; the task's id, and a name for who asks."""
    async with open_site(Reply(201, b"made")) as site:
        request = {"method": "POST", "query": {"q[]": "a b&c"}, "headers": {"X-One": "grün"}}
        end = await sender.send(site.url("/a?x=1"), request)
    assert (end.status, end.body) == (201, b"made")
    assert isinstance(end.outcome, Completed)
    (asked,) = site.asked
    assert (asked.method, asked.target) == ("POST", "/a?x=1&q%5B%5D=a+b%26c")
    assert asked.headers["x-one"] == "grün"
    assert asked.headers["user-agent"] == DEFAULT_USER_AGENT
    assert re.fullmatch(r"[A-Z0-9]{24}", asked.headers["x-tasks-queue-id"])
    assert asked.headers["content-length"] == "0"
    assert "x-tasks-retry-count" not in asked.headers


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH"])
async def test_each_method_is_sent(sender: Sender, method: str) -> None:
    """With a body where there may be one, and without elsewhere."""
    async with open_site(Reply()) as site:
        await sender.send(site.url(), {"method": method, "data": "text"})
    (asked,) = site.asked
    bodyless = method in {"GET", "DELETE"}
    assert (asked.method, asked.body) == (method, b"" if bodyless else b"text")
    assert asked.headers.get("content-type") == (None if bodyless else "plain/text")


async def test_an_object_is_sent_as_json(sender: Sender) -> None:
    """With the type of JSON, unless the task says another one."""
    async with open_site(Reply()) as site:
        for headers in ({}, {"Content-Type": "application/vnd.one+json"}):
            request = {"method": "PUT", "data": {"a": {"b": ["ü", 1]}}, "headers": headers}
            await sender.send(site.url(), request)
    assert [json.loads(one.body) for one in site.asked] == [{"a": {"b": ["ü", 1]}}] * 2
    types = [one.headers["content-type"] for one in site.asked]
    assert types == ["application/json", "application/vnd.one+json"]


async def test_fields_are_sent_as_a_form(sender: Sender) -> None:
    """Multipart, with names that can not break out of theirs."""
    fields = [Field(name='a"\r\nb', value="1"), Field(name="c", value="zwölf")]
    async with open_site(Reply()) as site:
        await sender.send(site.url(), {"method": "POST", "data": fields})
    (asked,) = site.asked
    kind, _, boundary = asked.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    parts = asked.body.split(f"--{boundary}".encode())
    assert parts[0] == b""
    assert parts[1].endswith(b'name="a%22%0D%0Ab"\r\n\r\n1\r\n')
    assert parts[2].decode().endswith('name="c"\r\n\r\nzwölf\r\n')
    assert parts[3] == b"--\r\n"


async def test_cookies_are_sent(sender: Sender) -> None:
    """Given ones to the task's own host; those of a file where its domains say."""
    file = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/a\tFALSE\t0\tmine\t1\n#HttpOnly_one.example\tFALSE\t/\tFALSE\t0\tnot\there\n"
    async with open_site(Reply()) as site:
        await sender.send(site.url(), {"cookie": [Cookie(name="a", value="1"), Cookie(name="b", value="2")]})  # fmt: skip
        await sender.send(site.url(), {"cookie": base64.b64encode(file.encode()).decode()})
    assert [one.headers["cookie"] for one in site.asked] == ["a=1; b=2", "mine=1"]


async def test_basic_credentials_are_sent(sender: Sender) -> None:
    """At once, and those that stand in the URL as well."""
    async with open_site(Reply()) as site:
        await sender.send(site.url(), {"auth_basic": TOM})
        await sender.send(site.url(host="u:p%40@127.0.0.1"))
    sent = [base64.b64decode(one.headers["authorization"][6:]).decode() for one in site.asked]
    assert sent == ["tom:pässword:1", "u:p@"]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_digest_challenge_is_answered(sender: Sender, algorithm: str) -> None:
    """As RFC 7616 says: nothing of the password is sent, and the body comes along again."""
    kind = {"MD5": "md5", "SHA-256": "sha256"}[algorithm]

    def digest(text: str) -> str:
        return hashlib.new(kind, text.encode()).hexdigest()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        said = dict(re.findall(r'(\w+)="?([^",]+)"?', asked.headers.get("authorization", "")))
        if not said:
            challenge = f'Digest realm="r", nonce="n1", qop="auth", algorithm={algorithm}'
            return Reply(401, b"who?", (("www-authenticate", challenge),))
        proof = f"n1:{said['nc']}:{said['cnonce']}:auth"
        expected = digest(f"{digest('tom:r:secret')}:{proof}:{digest('POST:/a?b=c')}")
        return Reply(200 if said["response"] == expected else 403)

    async with open_site(answer) as site:
        user = Credentials(username="tom", password="secret")
        request = {"method": "POST", "data": "text", "auth_digest": user}
        end = await sender.send(site.url("/a?b=c"), request)
    assert end.status == 200
    assert [one.body for one in site.asked] == [b"text", b"text"]


async def test_wrong_digest_credentials_are_not_tried_for_ever(sender: Sender) -> None:
    """The second 401 is the answer."""
    headers = (("www-authenticate", 'Digest realm="r", nonce="n1", qop="auth"'),)
    async with open_site(Reply(401, b"who?", headers)) as site:
        end = await sender.send(site.url(), {"auth_digest": TOM})
    assert (end.status, len(site.asked)) == (401, 2)


async def test_a_signature_lets_the_receiver_know_who_has_sent(sender: Sender) -> None:
    """HMAC-SHA256 over seconds, a dot and the body, in the header that was wanted."""
    sender.now = 1_700_000_000.9
    async with open_site(Reply()) as site:
        request = {"method": "POST", "data": "text"}
        await sender.send(site.url(), request, signature=Signature(secret="s", header="X-Sig"))
    (asked,) = site.asked
    expected = hmac.new(b"s", b"1700000000." + asked.body, hashlib.sha256).hexdigest()
    assert asked.headers["x-sig"] == f"t=1700000000,v1={expected}"


async def test_a_retry_says_which_one_it_is(sender: Sender) -> None:
    """The count, the limit, and when the next one would be; with the task's own headers, as the first time."""
    sender.now = 1_700_000_000.0
    request = {"headers": {"X-Own": "1", "X-Tasks-Retry-Count": "faked"}}
    async with open_site(Reply(500)) as site:
        for attempt in (1, 2, 3):
            await sender.send(site.url(), request, attempt=attempt, retry=2, retry_interval=500)
    assert [one.headers["x-own"] for one in site.asked] == ["1"] * 3
    names = ("count", "limit")
    said = [tuple(one.headers.get(f"x-tasks-retry-{name}") for name in names) for one in site.asked]
    assert said == [(None, None), ("1", "2"), ("2", "2")]
    next_at = [one.headers.get("x-tasks-estimate-next-retry-at") for one in site.asked]
    assert next_at == [None, "1700000001000", "0"]


@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 500, 503, 599])
async def test_the_servers_status_decides(sender: Sender, status: int) -> None:
    """2xx and 3xx are a success, everything else is to be tried again, and its answer is kept."""
    body = b"" if status in {204, 304} else b"body"

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        return Reply(status, body)

    async with open_site(answer) as site:
        end = await sender.send(site.url(), retry=1)
    assert (end.status, end.body) == (status, body)
    assert isinstance(end.outcome, Completed) == (status < 400)
    assert status < 400 or not end.failed.final


async def test_a_status_that_is_not_retried_is_final(sender: Sender) -> None:
    async with open_site(Reply(404)) as site:
        end = await sender.send(site.url(), retry=5, ignore_status_code=[404])
    assert end.failed.final
    assert end.status == 404


async def test_a_server_may_ask_to_wait(sender: Sender) -> None:
    """Seconds or a date, longer than the task itself would wait; not for more than an hour."""
    sender.now = 1_700_000_000.0
    values = ("7", formatdate(1_700_000_009, usegmt=True), "999999999", "soon")
    delays = []
    for value in values:
        async with open_site(Reply(503, b"", (("retry-after", value),))) as site:
            end = await sender.send(site.url(), retry=1, retry_interval=1000)
        delays.append(end.failed.retry_after_s)
    assert delays == [7, 9, 3600, 1]


async def test_nothing_is_kept_of_an_answer_that_is_not_to_be_kept(sender: Sender) -> None:
    async with open_site(Reply(500, b"secret")) as site:
        end = await sender.send(site.url(), trace_response_data=False)
    assert (end.status, end.body) == (500, None)


async def test_a_connection_is_used_again(sender: Sender) -> None:
    """Unless the task wants none to be kept."""
    async with open_site(Reply()) as site:
        for _ in range(3):
            await sender.send(site.url(), {"method": "POST", "data": "text"})
        kept = site.connections
        for _ in range(3):
            await sender.send(site.url(), keep_alive_duration=0)
    assert (kept, site.connections) == (1, 4)


async def test_a_connection_that_was_closed_meanwhile_is_not_the_tasks_fault(
    sender: Sender,
) -> None:
    """The request goes over another one, whatever its method is."""
    writers: list[asyncio.StreamWriter] = []

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        writers.append(writer)
        return Reply()

    async with open_site(answer) as site:
        await sender.send(site.url(), {"method": "POST", "data": "text"})
        writers[0].close()
        end = await sender.send(site.url(), {"method": "POST", "data": "text"})
    assert (end.status, site.connections) == (200, 2)


async def test_a_name_leads_where_the_task_says(sender: Sender) -> None:
    """As with curl's --resolve: the server sees the name."""
    async with open_site(Reply()) as site:
        for host in ("one.example", "*"):
            lead = Resolve(host=host, port=site.port, address=["127.0.0.1"])
            end = await sender.send(site.url(host="one.example"), resolve=[lead])
            assert end.status == 200
    assert [one.headers["host"] for one in site.asked] == [f"one.example:{site.port}"] * 2


@pytest.mark.parametrize("host", ["localhost", "localhost.", "LocalHost", "one.localhost"])
async def test_names_of_this_machine_are_found(sender: Sender, host: str) -> None:
    """However they are written."""
    async with open_site(Reply()) as site:
        assert (await sender.send(site.url(host=host))).status == 200


async def test_the_version_of_addresses_is_the_tasks(sender: Sender) -> None:
    """IPv4, unless it says 6."""
    async with open_site(Reply(), host="::1") as site:
        url = site.url(host="[::1]")
        assert (await sender.send(url)).status == 500
        assert (await sender.send(url, ip_version=6)).status == 200


async def test_fetch_undoes_encodings_and_curl_does_not(sender: Sender) -> None:
    """As they do: what curl is sent it keeps."""
    packed = zlib.compress(b"packed")
    async with open_site(Reply(200, packed, (("content-encoding", "deflate"),))) as site:
        end = await sender.send(site.url())
    assert end.body == (b"packed" if sender.transport == "fetch" else packed)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b"])
async def test_a_header_can_not_smuggle_another_one(sender: Sender, value: str) -> None:
    """Nothing is sent; the task fails with words."""
    async with open_site(Reply()) as site:
        end = await sender.send(site.url(), {"headers": {"X-One": value}})
    assert (end.status, site.asked) == (500, [])
    assert b"X-One" in (end.body or b"")


@pytest.mark.parametrize(
    "headers",
    [{"Content-Length": "3"}, {"Transfer-Encoding": "chunked"}, {"Expect": "100-continue"}],
)
async def test_a_bodys_length_is_not_the_tasks_word(
    sender: Sender, headers: dict[str, Any]
) -> None:
    """What would confuse servers about where a request ends is left out."""
    async with open_site(Reply()) as site:
        request = {"method": "POST", "data": "text", "headers": headers}
        assert (await sender.send(site.url(), request)).status == 200
    (asked,) = site.asked
    assert asked.body == b"text"
    assert asked.headers["content-length"] == "4"
