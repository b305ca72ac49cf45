"""What may stand in OTLP_*."""

from __future__ import annotations

import pytest

from runner.config import load_settings
from runner.errors import ConfigError


def test_a_collector_is_set_by_three_variables() -> None:
    """The endpoint is the base of both signals; values of headers are percent-decoded."""
    settings = load_settings(
        {
            "OTLP_ENDPOINT": "https://collector.example:4318/otlp/",
            "OTLP_SERVICE_NAME": "shop",
            "OTLP_HEADERS": "Authorization=Bearer%20abc%2C, x-team = a=b",
            "OTLP_TRACES_PER_SECOND": "7",
        }
    )

    assert settings.otlp_endpoint == "https://collector.example:4318/otlp"
    assert settings.otlp_service_name == "shop"
    assert settings.otlp_headers == (("authorization", "Bearer abc,"), ("x-team", "a=b"))
    assert settings.otlp_traces_per_second == 7


def test_without_them_no_telemetry_leaves() -> None:
    """The name is the contract's."""
    settings = load_settings({})

    assert (settings.otlp_endpoint, settings.otlp_headers) == ("", ())
    assert settings.otlp_service_name == "openworkers-runner"


@pytest.mark.parametrize(
    "endpoint",
    [
        "collector:4317",
        "grpc://a:1",
        "http://",
        "http://a:port",
        "http://u:secret@a:1",
        "http://a?b",
    ],
)
def test_an_endpoint_that_is_none_stops_the_start(endpoint: str) -> None:
    """The message names the variable and what is allowed."""
    with pytest.raises(ConfigError, match=r"OTLP_ENDPOINT.*http://HOST:PORT"):
        load_settings({"OTLP_ENDPOINT": endpoint})


@pytest.mark.parametrize("headers", ["secret", "a b=secret", "a=secret%0a"])
def test_headers_that_are_none_stop_the_start_without_being_told(headers: str) -> None:
    """They are keys, and messages are seen."""
    with pytest.raises(ConfigError, match="OTLP_HEADERS") as raised:
        load_settings({"OTLP_HEADERS": headers})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"), [("OTLP_SERVICE_NAME", "a" * 256), ("OTLP_TRACES_PER_SECOND", "0.5")]
)
def test_other_wrong_values_stop_the_start(name: str, value: str) -> None:
    """By name."""
    with pytest.raises(ConfigError, match=name):
        load_settings({name: value})
