"""Every field of a registration, just inside and just outside of what it may be."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.unit.runner.tasks_server.asking import asked, messages, refusal

PERSON = {"username": "me", "password": "secret"}
AWS = {
    "provider1": "aws",
    "provider2": "amz",
    "region": "eu-central-1",
    "service": "s3",
    "key": "k",
    "secret": "s",
}
COOKIES = b64encode(
    b"# Netscape HTTP Cookie File\nexample.com\tFALSE\t/\tFALSE\t0\ta\tb\n"
).decode()
HSTS = b64encode(b'example.com "unlimited"\n').decode()
KEY_FORMAT = "Invalid key format"
URL_END = "URL must start with either http or https and cannot use / and ? at the end"
SHORT, LONG = (
    "String must contain at least {} character(s)",
    "String must contain at most {} character(s)",
)
LEAST, MOST = (
    "Number must be greater than or equal to {}",
    "Number must be less than or equal to {}",
)
FEW, MANY = "Array must contain at least {} element(s)", "Array must contain at most {} element(s)"
CURL = {"transport": "curl"}
FOREVER = 253_402_300_799_999


def fields(number: int) -> list[dict[str, str]]:
    return [{"name": f"n{index}", "value": "v"} for index in range(number)]


def keys(number: int) -> dict[str, str]:
    return {f"k{index}": "v" for index in range(number)}


GOOD: list[tuple[str, str, list[Any]]] = [
    ("httpRequest", "url", ["http://a", "https://target-service", "https://a.b/" + "c" * 1011, "HTTPS://A:8443/x?y=z", "http://[::1]:80/x"]),
    ("httpRequest", "method", ["GET", "post", "Delete", "PUT", "patch"]),
    ("httpRequest", "transport", ["fetch", "curl", None]),
    ("httpRequest", "query", [{}, {"a": "b"}, {"a" * 64: "b" * 1024}, {"a[0].$_-": "ä"}]),
    ("httpRequest", "headers", [{}, {"X-A": "b"}, {"a" * 64: "b" * 1024}, {"Host": "x"}, {"X": " b "}]),
    ("httpRequest", "data", ["a", "a" * 4096, fields(1), fields(64), {}, {"a": {"b": {"c": 1}}}, {"a": "", "b": None, "c": 1.5, "d": True}, [{"name": "n" * 64, "value": "v" * 4096}]]),
    ("httpRequest", "cookie", [COOKIES, fields(1), fields(16), [{"name": "n" * 64, "value": "v" * 512}]]),
    ("httpRequest", "authBasic", [PERSON, {"username": "u" * 64, "password": "p" * 256}]),
    ("httpRequest", "authDigest", [PERSON]),
    ("config", "executionDelay", [0, 1, 1.0, 248_832_000_000_000]),
    ("config", "executeAt", [1_795_000_000_001, FOREVER, "2099-01-01", "2099-01-01T00:00:00Z", "Dec 12 2099 12:12:12 AM +07:00"]),
    ("config", "executeImmediately", [True, False]),
    ("config", "retry", [0, 1, 999]),
    ("config", "retryAt", [1_795_000_001_001, "Dec 12 2099", FOREVER]),
    ("config", "retryInterval", [1, 31_536_000_000]),
    ("config", "retryExponential", [True, False]),
    ("config", "retryBackoff", ["fixed", "linear", "exponential"]),
    ("config", "ignoreStatusCode", [[], [400, 599], [404] * 40]),
    ("config", "timeout", [1000, 2_147_483_647]),
    ("config", "timeoutAt", [1_795_000_001_001, "Dec 12 2099", FOREVER]),
    ("config", "httpVersion", ["1.1"]),
    ("config", "userAgent", ["a" * 8, "a" * 256]),
    ("config", "ipVersion", [4, 6]),
    ("config", "refererUrl", ["AUTO", "auto", "https://example.com/x"]),
    ("config", "keepAliveDuration", [0, 259_200]),
    ("config", "hsts", [True, False, HSTS]),
    *(("config", flag, [True, False]) for flag in ("sessionId", "insecure", "traceResponseData", "location", "dohInsecure", "proxyInsecure")),
    ("config", "credentials", ["include", "omit", "same-origin"]),
    ("config", "referrerPolicy", ["", "no-referrer", "unsafe-url"]),
    ("config", "mode", ["cors", "no-cors", "same-origin"]),
    ("config", "signature", [{"secret": "s" * 16}, {"secret": "s" * 256, "header": "X-My-Signature"}]),
    ("config", "redirectAttempts", [0, 32]),
    ("config", "locationTrusted", [PERSON]),
    ("config", "proto", ["http", "HTTPS"]),
    ("config", "protoRedirect", ["Http", "https"]),
    ("config", "dnsServer", [["1.1.1.1"], ["1.1.1.1", "::1", "8.8.8.8", "9.9.9.9"]]),
    ("config", "resolve", [[{"host": "*", "port": 1, "address": ["::1"]}], [{"host": "a-b.c", "port": 65_535, "address": ["1.1.1.1"] * 4}] * 4]),
    ("config", "dohUrl", ["https://dns.example/query"]),
    ("config", "tlsVersion", ["1.2", "1.3"]),
    ("config", "tlsMaxVersion", ["1.2", "1.3"]),
    ("config", "proxy", [{"protocol": "HTTP", "host": "proxy", "port": 8080}, {"protocol": "https", "host": "10.0.0.1"}, {"protocol": "http", "host": "p" * 128, "port": 65_535}]),
    ("config", "proxyHeaders", [{}, {"X-A": "b"}]),
    ("config", "proxyHttpVersion", ["1.1"]),
    ("config", "proxyAuthBasic", [PERSON]),
]  # fmt: skip

BY_CURL: list[tuple[str, str, list[Any]]] = [
    ("httpRequest", "authAwsSigv4", [AWS, {**AWS, "region": "r" * 128, "secret": "s" * 256}]),
    ("config", "httpVersion", ["0.9", "1.0", "2", "2-prior-knowledge"]),
    ("config", "certStatus", [True, False]),
    ("config", "tlsVersion", ["1.0", "1.1"]),
    ("config", "tlsMaxVersion", ["1.0", "1.1"]),
    ("config", "proxyHttpVersion", ["1.0"]),
    ("config", "proxyAuthDigest", [PERSON]),
    ("config", "haProxyClientIp", ["10.0.0.1", "::1"]),
    ("config", "haProxyProtocol", [True]),
]

BAD: list[tuple[str, str, Any, tuple[str, ...], list[str]]] = [
    ("httpRequest", "url", "nowhere", (), ["Invalid url"]),
    ("httpRequest", "url", "https://a b/c", (), ["Invalid url"]),
    ("httpRequest", "url", "https://a:70000/c", (), ["Invalid url"]),
    ("httpRequest", "url", "ftp://example.com/x", (), [URL_END]),
    ("httpRequest", "url", "https://example.com/", (), [URL_END]),
    ("httpRequest", "url", "https://example.com/a/", (), [URL_END]),
    ("httpRequest", "url", "https://example.com/a?", (), [URL_END]),
    ("httpRequest", "url", "https://example.com/a/.", (), [URL_END]),
    ("httpRequest", "url", "https://a.b/" + "c" * 1013, (), [LONG.format(1024)]),
    ("httpRequest", "url", "https://me:pw@example.com/a", (), ["Credentials in a URL are not supported, use authBasic"]),
    ("httpRequest", "url", 1, (), ["Expected string, received number"]),
    ("httpRequest", "method", "HEAD", (), ["Invalid enum value. Expected 'GET' | 'POST' | 'DELETE' | 'PUT' | 'PATCH', received 'HEAD'"]),
    ("httpRequest", "method", None, (), ["Expected 'GET' | 'POST' | 'DELETE' | 'PUT' | 'PATCH', received null"]),
    ("httpRequest", "transport", "wget", (), ["Invalid enum value. Expected 'fetch' | 'curl', received 'wget'"]),
    ("httpRequest", "query", [], (), ["Expected object, received array"]),
    ("httpRequest", "query", {"a b": "c"}, ("a b",), [KEY_FORMAT]),
    ("httpRequest", "query", {"": "c"}, ("",), [SHORT.format(1), KEY_FORMAT]),
    ("httpRequest", "query", {"a" * 65: "c"}, ("a" * 65,), [LONG.format(64), KEY_FORMAT]),
    ("httpRequest", "query", {"a": ""}, ("a",), [SHORT.format(1)]),
    ("httpRequest", "query", {"a": "b" * 1025}, ("a",), [LONG.format(1024)]),
    ("httpRequest", "headers", {"X-A": "b\r\nX-B: c"}, ("X-A",), ["Invalid header value"]),
    ("httpRequest", "headers", {"X-A": "ä"}, ("X-A",), ["Invalid header value"]),
    ("httpRequest", "headers", {"a[0]": "b"}, ("a[0]",), [KEY_FORMAT]),
    ("httpRequest", "headers", {"Content-Length": "1"}, ("Content-Length",), ["Invalid header"]),
    ("httpRequest", "data", "", (), [SHORT.format(1)]),
    ("httpRequest", "data", "a" * 4097, (), [LONG.format(4096)]),
    ("httpRequest", "data", [], (), [FEW.format(1)]),
    ("httpRequest", "data", fields(65), (), [MANY.format(64)]),
    ("httpRequest", "data", [{"name": "a"}], ("0", "value"), ["Required"]),
    ("httpRequest", "data", [{"name": "a" * 65, "value": "v"}], ("0", "name"), [LONG.format(64)]),
    ("httpRequest", "data", [{"name": "a", "value": "v" * 4097}], ("0", "value"), [LONG.format(4096)]),
    ("httpRequest", "data", [{"name": "a", "value": "v", "x": 1}], ("0",), ["Unrecognized key(s) in object: 'x'"]),
    ("httpRequest", "data", {"a": {"b": {"c": {}}}}, ("a", "b", "c"), ["Expected string, received object", "Expected number, received object", "Expected boolean, received object", "Expected null, received object"]),
    ("httpRequest", "data", {"a": "v" * 4097}, ("a",), [LONG.format(4096)]),
    ("httpRequest", "data", {"a b": 1}, ("a b",), ["Invalid"]),
    ("httpRequest", "data", 1, (), ["Expected string, received number", "Expected array, received number", "Expected object, received number"]),
    ("httpRequest", "cookie", "not base64!", (), ["Invalid base64"]),
    ("httpRequest", "cookie", b64encode(b"nothing of the kind").decode(), (), ["Invalid cookie file"]),
    ("httpRequest", "cookie", [], (), [FEW.format(1)]),
    ("httpRequest", "cookie", fields(17), (), [MANY.format(16)]),
    ("httpRequest", "cookie", [{"name": "a", "value": "v" * 513}], ("0", "value"), [LONG.format(512)]),
    ("httpRequest", "cookie", [{"name": "a", "value": "b; c"}], ("0", "value"), ["Invalid cookie"]),
    ("httpRequest", "authBasic", {"username": "", "password": "p"}, ("username",), [SHORT.format(1)]),
    ("httpRequest", "authBasic", {"username": "u" * 65, "password": "p"}, ("username",), [LONG.format(64)]),
    ("httpRequest", "authBasic", {"username": "u"}, ("password",), ["Required"]),
    ("httpRequest", "authDigest", {"username": "u", "password": "p" * 257}, ("password",), [LONG.format(256)]),
    ("httpRequest", "authNtlm", PERSON, (), ["Invalid fetch option"]),
    ("httpRequest", "authAwsSigv4", AWS, (), ["Invalid fetch option"]),
    ("httpRequest", "authAwsSigv4", {**AWS, "provider1": "aw"}, ("provider1",), [SHORT.format(3)]),
    ("httpRequest", "authAwsSigv4", {**AWS, "region": "r" * 129}, ("region",), [LONG.format(128)]),
    ("config", "executionDelay", -1, (), [LEAST.format(0)]),
    ("config", "executionDelay", 1.5, (), ["Expected integer, received float"]),
    ("config", "executionDelay", "1", (), ["Expected number, received string"]),
    ("config", "executionDelay", True, (), ["Expected number, received boolean"]),
    ("config", "executionDelay", 248_832_000_000_001, (), [MOST.format(248_832_000_000_000)]),
    ("config", "executeAt", 1_795_000_000_000, (), ["Execution date must be greater than today"]),
    ("config", "executeAt", 1_355_245_932_000, (), ["Execution date must be greater than today"]),
    ("config", "executeAt", "Dec 12 2012 12:12:12 AM +07:00", (), ["Execution date must be greater than today"]),
    ("config", "executeAt", "tomorrow", (), ["Invalid execute date"]),
    ("config", "executeAt", FOREVER + 1, (), ["Invalid execute date"]),
    ("config", "executeAt", None, (), ["Expected string, received null", "Expected number, received null"]),
    ("config", "executeImmediately", 1, (), ["Expected boolean, received number"]),
    ("config", "retry", -1, (), [LEAST.format(0)]),
    ("config", "retry", 1000, (), [MOST.format(999)]),
    ("config", "retryAt", "never", (), ["Invalid retry date"]),
    ("config", "retryAt", 1_795_000_001_000, (), ["Retry date must be greater than execution date"]),
    ("config", "retryInterval", 0, (), [LEAST.format(1)]),
    ("config", "retryInterval", 31_536_000_001, (), [MOST.format(31_536_000_000)]),
    ("config", "retryBackoff", "random", (), ["Invalid enum value. Expected 'fixed' | 'linear' | 'exponential', received 'random'"]),
    ("config", "ignoreStatusCode", [399], ("0",), [LEAST.format(400)]),
    ("config", "ignoreStatusCode", [404, 600], ("1",), [MOST.format(599)]),
    ("config", "ignoreStatusCode", [404] * 41, (), [MANY.format(40)]),
    ("config", "timeout", 999, (), [LEAST.format(1000)]),
    ("config", "timeout", 2_147_483_648, (), [MOST.format(2_147_483_647)]),
    ("config", "timeoutAt", "", (), ["Invalid timeout date"]),
    ("config", "timeoutAt", 1_795_000_001_000, (), ["Timeout date must be greater than execution date"]),
    ("config", "httpVersion", "3", (), ["Invalid enum value. Expected '0.9' | '1.0' | '1.1' | '2' | '2-prior-knowledge', received '3'"]),
    ("config", "httpVersion", "2", (), ["Invalid fetch option"]),
    ("config", "userAgent", "a" * 7, (), [SHORT.format(8)]),
    ("config", "userAgent", "a" * 257, (), [LONG.format(256)]),
    ("config", "userAgent", "evil\r\nX-A: b", (), ["Invalid header value"]),
    ("config", "ipVersion", 5, (), ["Invalid enum value. Expected 4 | 6, received '5'"]),
    ("config", "ipVersion", "4", (), ["Expected 4 | 6, received string"]),
    ("config", "refererUrl", "none", (), ["Invalid url"]),
    ("config", "keepAliveDuration", 259_201, (), [MOST.format(259_200)]),
    ("config", "hsts", "?", (), ["Invalid base64"]),
    ("config", "hsts", b64encode(b"x").decode(), (), ["Invalid HSTS file"]),
    ("config", "hsts", 1, (), ["Expected boolean, received number", "Expected string, received number"]),
    ("config", "signature", {"secret": "s" * 15}, ("secret",), [SHORT.format(16)]),
    ("config", "signature", {"secret": "s" * 257}, ("secret",), [LONG.format(256)]),
    ("config", "signature", {"secret": "s" * 16, "header": "Host"}, ("header",), [KEY_FORMAT]),
    ("config", "ca", "/etc/passwd", (), ["CA file does not exist"]),
    ("config", "cert", {"value": "/etc/passwd"}, ("value",), ["Cert file does not exist"]),
    ("config", "cert", {"value": "x", "password": "p" * 1025}, ("password",), [LONG.format(1024)]),
    ("config", "key", "upload:01ARZ3NDEKTSV4RRFFQ69G5FAV", (), ["Key file does not exist"]),
    ("config", "certType", "TXT", (), ["Invalid enum value. Expected 'DER' | 'ENG' | 'P12' | 'PEM', received 'TXT'"]),
    ("config", "certType", "ENG", (), ["Invalid fetch option"]),
    ("config", "keyType", "P12", (), ["Invalid enum value. Expected 'DER' | 'ENG' | 'PEM', received 'P12'"]),
    ("config", "redirectAttempts", 33, (), [MOST.format(32)]),
    ("config", "locationTrusted", {"username": "u"}, ("password",), ["Required"]),
    ("config", "proto", "ftp", (), ["Invalid enum value. Expected 'http' | 'https', received 'ftp'"]),
    ("config", "dnsServer", [], (), [FEW.format(1)]),
    ("config", "dnsServer", ["1.1.1.1"] * 5, (), [MANY.format(4)]),
    ("config", "dnsServer", ["dns.example"], ("0",), ["Invalid ip"]),
    ("config", "dnsServer", ["fe80::1%eth0"], ("0",), ["Invalid ip"]),
    ("config", "resolve", [], (), [FEW.format(1)]),
    ("config", "resolve", [{"host": "a", "port": 22, "address": ["::1"]}], ("0", "port"), ["Invalid input"]),
    ("config", "resolve", [{"host": "a", "port": 0, "address": ["::1"]}], ("0", "port"), [LEAST.format(1)]),
    ("config", "resolve", [{"host": "a_b", "port": 1, "address": ["::1"]}], ("0", "host"), ["Invalid"]),
    ("config", "resolve", [{"host": "a", "port": 1, "address": []}], ("0", "address"), [FEW.format(1)]),
    ("config", "resolve", [{"host": "a", "port": 1, "address": ["::1"]}] * 5, (), [MANY.format(4)]),
    ("config", "dohUrl", "http://dns.example/query", (), ["DoH URL must start with https"]),
    ("config", "tlsVersion", "1.4", (), ["Invalid enum value. Expected '1.0' | '1.1' | '1.2' | '1.3', received '1.4'"]),
    ("config", "tlsMaxVersion", "1.1", (), ["Invalid fetch option"]),
    ("config", "proxy", {"protocol": "socks5", "host": "p"}, ("protocol",), ["Invalid enum value. Expected 'http' | 'https', received 'socks5'"]),
    ("config", "proxy", {"protocol": "http", "host": "p" * 129}, ("host",), [LONG.format(128)]),
    ("config", "proxy", {"protocol": "http", "host": "p", "port": 25}, ("port",), ["Invalid proxy port"]),
    ("config", "proxy", {"protocol": "http", "host": "p", "port": 65_536}, ("port",), [MOST.format(65_535)]),
    ("config", "proxyHeaders", {"Transfer-Encoding": "chunked"}, ("Transfer-Encoding",), ["Invalid header"]),
    ("config", "proxyHttpVersion", "2", (), ["Invalid enum value. Expected '1.0' | '1.1', received '2'"]),
    ("config", "proxyAuthNtlm", PERSON, (), ["Invalid fetch option"]),
    ("config", "haProxyClientIp", "here", (), ["Invalid ip"]),
    ("config", "haProxyProtocol", True, (), ["Invalid fetch option"]),
    ("config", "unheardOf", 1, (), []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [(part, field, value) for part, field, values in GOOD for value in values],
)
def test_what_a_field_may_be_is_taken(part: str, field: str, value: object) -> None:
    assert refusal(asked(part, field, value)) is None


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [(part, field, value) for part, field, values in BY_CURL for value in values],
)
def test_what_only_curl_does_is_taken_for_curl(part: str, field: str, value: object) -> None:
    body = asked(part, field, value)
    body["httpRequest"]["transport"] = "curl"
    assert refusal(body) is None


@pytest.mark.parametrize(("part", "field", "value", "below", "expected"), BAD)
def test_what_a_field_may_not_be_is_refused_where_it_stands(
    part: str, field: str, value: object, below: tuple[str, ...], expected: list[str]
) -> None:
    tree = refusal(asked(part, field, value))
    if not expected:
        assert messages(tree, part) == [f"Unrecognized key(s) in object: '{field}'"]
    else:
        assert messages(tree, part, field, *below) == expected


@pytest.mark.parametrize("field", ["credentials", "referrerPolicy", "mode"])
def test_what_only_fetch_knows_is_refused_for_curl(field: str) -> None:
    body = asked("config", field, "no-referrer" if field == "referrerPolicy" else "same-origin")
    body["httpRequest"]["transport"] = "curl"
    assert messages(refusal(body), "config", field) == ["Invalid curl option"]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (keys(1), None),
        (keys(8), None),
        ({"k" * 64: "v" * 512}, None),
        ({}, ["Invalid input"]),
        (keys(9), ["Invalid input"]),
        ("x", ["Expected object, received string"]),
        (None, ["Expected object, received null"]),
    ],
)
def test_metadata_has_one_to_eight_keys(metadata: object, expected: list[str] | None) -> None:
    tree = refusal({**asked(), "metadata": metadata})
    assert (tree and messages(tree, "metadata")) == expected


@pytest.mark.parametrize(
    ("metadata", "key", "expected"),
    [
        ({"k": ""}, "k", SHORT.format(1)),
        ({"k": "v" * 513}, "k", LONG.format(512)),
        ({"k": 1}, "k", "Expected string, received number"),
        ({"k k": "v"}, "k k", "Invalid"),
    ],
)
def test_metadata_is_text_under_plain_keys(metadata: object, key: str, expected: str) -> None:
    tree = refusal({**asked(), "metadata": metadata})
    assert messages(tree, "metadata", key) == [expected]
