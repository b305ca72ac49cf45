"""The table of options: it has all of them, and names what a transport does not honour."""

from __future__ import annotations

import pytest

from runner.http_tasks.honoured import CONFIG, REQUEST, not_honoured
from runner.http_tasks.model import Credentials, HttpConfig, HttpRequest, HttpTask


def make_task(request: dict[str, object], config: dict[str, object]) -> HttpTask:
    values = {"url": "https://one.example/a", "method": "GET", **request}
    return HttpTask(request=HttpRequest(**values), config=HttpConfig(**config))  # type: ignore[arg-type]


def test_the_table_has_every_option() -> None:
    """An option that is added to the model has to say who honours it."""
    assert tuple(REQUEST) == HttpRequest.__struct_fields__
    assert tuple(CONFIG) == HttpConfig.__struct_fields__


USER = Credentials(username="u", password="p")


@pytest.mark.parametrize(
    ("request_", "config", "name"),
    [
        ({}, {}, None),
        ({}, {"http_version": "1.1"}, None),
        ({}, {"http_version": "2"}, "httpVersion"),
        ({"transport": "curl"}, {"http_version": "2"}, None),
        ({"auth_ntlm": USER}, {}, "authNtlm"),
        ({"transport": "curl", "auth_ntlm": USER}, {}, "authNtlm"),
        ({"transport": "curl"}, {"mode": "cors"}, "mode"),
        ({}, {"mode": "cors"}, None),
        ({"transport": "curl"}, {"cert_type": "ENG"}, "certType"),
        ({"transport": "curl"}, {"cert_type": "P12"}, None),
        ({}, {"tls_version": "1.1"}, "tlsVersion"),
        ({}, {"tls_version": "1.3"}, None),
        ({}, {"ha_proxy_protocol": True}, "haProxyProtocol"),
    ],
)
def test_the_first_option_that_is_not_honoured_is_named(
    request_: dict[str, object], config: dict[str, object], name: str | None
) -> None:
    """By its name in the API, and only if it asks for something else than the default."""
    assert not_honoured(make_task(request_, config)) == name
