"""Signatures, names and places of S3, without a server."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from runner.bindings import StorageBinding
from runner.errors import OpError
from runner.s3.answers import error_code, listing, upload_id
from runner.s3.bucket import Bucket
from runner.s3.keys import KeySpace
from runner.s3.signature import Credentials, quote_path, quote_query, sign

EXAMPLE = Credentials(
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"
)
HOST = ("host", "examplebucket.s3.amazonaws.com")
NOW = datetime(2013, 5, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "payload", "signature"),
    [
        (
            "GET",
            "/test.txt",
            {},
            [("range", "bytes=0-9")],
            b"",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test$file.text",
            {},
            [
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            b"Welcome to Amazon S3.",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/",
            {"lifecycle": ""},
            [],
            b"",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/",
            {"prefix": "J", "max-keys": "2"},
            [],
            b"",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_requests_are_signed_as_in_the_examples_of_amazon(
    method: str,
    path: str,
    query: dict[str, str],
    headers: list[tuple[str, str]],
    payload: bytes,
    signature: str,
) -> None:
    signed = dict(
        sign(
            method,
            quote_path(path),
            quote_query(query),
            [HOST, *headers],
            payload=payload,
            credentials=EXAMPLE,
            now=NOW,
        )
    )
    assert signed["authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://b1.s3.us-east-1.amazonaws.com/k"),
        ({"region": "eu-west-3"}, "https://b1.s3.eu-west-3.amazonaws.com/k"),
        ({"bucket": "b.c"}, "https://s3.us-east-1.amazonaws.com/b.c/k"),
        ({"endpoint": "https://x.r2.example"}, "https://x.r2.example/b1/k"),
        ({"endpoint": "x.r2.example:9000"}, "https://x.r2.example:9000/b1/k"),
        ({"endpoint": "https://b1.fra.example/"}, "https://b1.fra.example/k"),
        ({"endpoint": "http://[::1]:9000/s3/"}, "http://[::1]:9000/s3/b1/k"),
        ({"endpoint": "http://x.example", "prefix": "/a//b/"}, "http://x.example/b1/a/b/k"),
    ],
)
async def test_the_endpoint_decides_where_the_bucket_is(fields: dict[str, str], url: str) -> None:
    asked: list[httpx.Request] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(204, stream=httpx.ByteStream(b""))

    given = {"id": "s", "bucket": "b1", "access_key_id": "a", "secret_access_key": "s"} | fields
    bucket = Bucket(httpx.MockTransport(answer), StorageBinding(**given))
    await bucket.delete("k")
    target = asked[0].extensions["target"].decode()
    assert f"{asked[0].url.scheme}://{asked[0].headers['host']}{target}" == url


def test_a_key_stays_below_the_prefix_whatever_it_is() -> None:
    space = KeySpace("/tenant/")
    assert space.full("a%2fb") == "tenant/a%2fb"
    assert space.full("./a//b/.") == "tenant/a/b"
    assert space.full("folder/") == "tenant/folder/"
    assert space.full("..a/b..") == "tenant/..a/b.."
    assert space.full_prefix("") == "tenant/"
    assert space.own("tenant/x") == "x"
    assert space.own("tenant-two/x") is None
    with pytest.raises(OpError, match="traversal"):
        KeySpace("a/../..")
    with pytest.raises(OpError, match="well-formed"):
        space.full("\ud800")


def test_what_a_hostile_server_says_in_xml_is_not_believed() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Error><Code>&b;</Code></Error>'
    assert error_code(bomb) == ""
    assert error_code(b"<a>" * 100) == ""
    assert error_code(b"<Error><Code>key AKIA...</Code></Error>") == ""
    assert error_code(b"<Error><Code>NoSuchKey</Code></Error>") == "NoSuchKey"
    for body in (b"", b"{}", b"<html></html>", b"<InitiateMultipartUploadResult/>"):
        with pytest.raises(OpError, match="not S3's"):
            upload_id(body)
    with pytest.raises(OpError, match="not S3's"):
        listing(b"<R><Contents><Key>a</Key><Size>x</Size></Contents></R>", KeySpace(""))
    page = listing(
        b"<R><Contents><Key>mine/a</Key></Contents><Contents><Key>other/a</Key></Contents>"
        b"<CommonPrefixes><Prefix>other/</Prefix></CommonPrefixes></R>",
        KeySpace("mine"),
    )
    assert [one.key for one in page.objects] == ["a"]
    assert page.prefixes == []


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (httpx.Response(503), "the server is overloaded, try again later"),
        (
            httpx.Response(301, headers={"x-amz-bucket-region": "eu-west-1"}),
            "the bucket is elsewhere: it is in region eu-west-1",
        ),
        (
            httpx.Response(307, headers={"location": "http://169.254.169.254/"}),
            "the bucket is elsewhere",
        ),
        (
            httpx.Response(
                403,
                content=b"<Error><Code>SignatureDoesNotMatch</Code><Message>hidden</Message></Error>",
            ),
            "SignatureDoesNotMatch (403)",
        ),
        (httpx.Response(500, content=b"x" * 100_000), "the server refused (500)"),
        (httpx.Response(200, content=b"x" * (5 << 20)), "the server's answer is too long"),
    ],
)
async def test_a_refusal_is_told_in_our_words(response: httpx.Response, said: str) -> None:
    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=httpx.ByteStream(response.content),
        )

    binding = StorageBinding(id="s", bucket="b1", access_key_id="a", secret_access_key="s")
    with pytest.raises(OpError) as caught:
        await Bucket(httpx.MockTransport(answer), binding).list("", limit=1)
    assert caught.value.message == f"storage failed: {said}"


async def test_a_connection_that_was_closed_meanwhile_is_replaced_once() -> None:
    tries: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        tries.append(request.method)
        raise httpx.ReadError("closed")

    binding = StorageBinding(id="s", bucket="b1", access_key_id="a", secret_access_key="s")
    bucket = Bucket(httpx.MockTransport(answer), binding)
    with pytest.raises(OpError, match="the connection was lost"):
        await bucket.delete("k")
    assert tries == ["DELETE", "DELETE"]
    with pytest.raises(OpError, match="the connection was lost"):
        await bucket.begin_upload("k", [])
    assert tries == ["DELETE", "DELETE", "POST"]
