"""``http``: makes a request for each event, and emits the answer.

Addresses of a URL that stands in the document may be private, for the operator wrote it. One that a function makes has parts of events, which somebody
else may have written: its address must be public (or in the runner's FETCH_ALLOWED_NETWORKS), unless the document says
``allowPrivate: true``.
"""

from __future__ import annotations

import asyncio
import base64
import random
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from runner.ops.addresses import AddressPolicy
from runner.pipelines.errors import EventError, FunctionError, StageStartError
from runner.pipelines.stage import JsFunction, Kind, Stage, StageConfig
from runner.pipelines.stages.fields import object_of
from runner.pipelines.stages.http_message import (
    MAX_WAIT_S,
    check_header_name,
    check_url,
    decoded,
    encoded,
    header_value,
    read_method,
    retry_after_s,
    shown_url,
)
from runner.pipelines.stages.paths import check_path, place_of
from runner.pipelines.stages.values import required_text, values_for
from runner.tasks.policy import RetryPolicy

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

    from runner.pipelines.stage import Emit, Event, StageContext
    from runner.pipelines.stages.http_client import Answer, HttpClient, Request

Text = str | JsFunction


class HttpConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    url: Text
    method: Text = "GET"
    headers: dict[str, Text] = msgspec.field(default_factory=dict)
    body: Any = None
    """A text, or a value that is sent as JSON, or a function of one."""
    response_type: Literal["text", "json", "base64"] = "text"
    into: str | None = msgspec.field(default=None, name="as")
    """The field of the event that gets the answer; without it the answer is what is emitted."""
    timeout_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 30.0
    retries: Annotated[int, msgspec.Meta(ge=0, le=100)] = 3
    backoff_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    """Before the first retry; each next one waits twice as long."""
    max_size: Annotated[int, msgspec.Meta(ge=0, le=1 << 30)] = 1 << 20
    """Bytes of an answer's body."""
    redirects: Annotated[int, msgspec.Meta(ge=0, le=20)] = 5
    parallelism: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    """Requests at once; with more than one the order of events is lost."""
    allow_private: bool | None = None
    ca: str | None = None
    """A file with certificates (PEM) that are trusted besides the well-known ones."""

    def __post_init__(self) -> None:
        for name in self.headers:
            check_header_name(name)
        if isinstance(self.method, str):
            read_method(self.method)
        if isinstance(self.url, str):
            check_url(self.url)
        if _has_function(self.body):
            raise ValueError("body: a function makes all of it: body: !!js/function ...")
        if self.ca is not None:
            check_path("ca", self.ca)
        if self.into == "":
            raise ValueError("as: a field needs a name")


class Http(Stage[HttpConfig]):
    """Emits ``{status, headers, body}``, whatever the status is; 5xx and 429 only when retries have ended.

    Without any answer there is an error and no event.
    """

    Config = HttpConfig
    kind = Kind.OUTPUT

    def __init__(self, context: StageContext, config: HttpConfig) -> None:
        super().__init__(context, config)
        self._settings = {
            "url": config.url,
            "method": config.method,
            "body": config.body,
            **{f"headers.{name}": value for name, value in config.headers.items()},
        }
        self._retry = RetryPolicy(
            kind="exponential",
            delay_ms=round(config.backoff_seconds * 1000),
            max_delay_ms=round(MAX_WAIT_S * 1000),
        )
        self._client: HttpClient | None = None

    @property
    def parallelism(self) -> int:
        return self.config.parallelism

    async def start(self) -> None:
        from runner.pipelines.stages.http_client import HttpClient

        config, settings = self.config, self.context.settings
        policy = AddressPolicy(
            allow_all=settings.fetch_allow_private_network, allowed=settings.fetch_allowed_networks
        )
        self._client = HttpClient(
            policy,
            self.context.place,
            await asyncio.to_thread(self._tls),
            timeout_s=config.timeout_seconds,
            max_bytes=config.max_size,
            redirects=config.redirects,
        )

    async def on_events(self, events: Sequence[Event], emit: Emit) -> None:
        found = await values_for(self.context, self._settings, events)
        for event, values in zip(events, found, strict=True):
            try:
                if isinstance(values, FunctionError):
                    raise values
                await self._ask(event, values, emit)
            except Exception as error:  # noqa: BLE001 - an event's failure is data
                self.context.error(error)

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _tls(self) -> ssl.SSLContext:
        import ssl

        import certifi

        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        if self.config.ca is None:
            return context
        path = place_of(self.config.ca, self.context.folder)
        try:
            context.load_verify_locations(cadata=path.read_text(encoding="ascii"))
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise StageStartError(f"ca: {path} has no certificates") from error
        except OSError as error:
            raise StageStartError(f"{path}: {error.strerror}") from error
        return context

    async def _ask(self, event: Event, values: dict[str, Any], emit: Emit) -> None:
        into = self.config.into
        base = None if into is None else object_of(event)
        request = self._request(values)
        self.context.count(bytes_out=len(request.body or b""))
        answer = await self._answer(request)
        self.context.count(bytes_in=len(answer.body))
        made = {"status": answer.status, "headers": answer.headers, "body": self._body(answer)}
        await emit(made if base is None or into is None else {**base, into: made})

    def _request(self, values: Mapping[str, Any]) -> Request:
        from runner.pipelines.stages.http_client import Request

        body, kind = encoded(values["body"])
        headers = {} if kind is None else {"content-type": kind}
        for name in self.config.headers:
            value = values[f"headers.{name}"]
            if value is not None:
                headers[name.lower()] = header_value(name, value)
        try:
            method = read_method(required_text(values, "method"))
        except ValueError as error:
            raise EventError(str(error)) from None
        return Request(method, required_text(values, "url"), headers, body)

    async def _answer(self, request: Request) -> Answer:
        from runner.pipelines.stages.http_client import NoAnswerError

        assert self._client is not None
        config = self.config
        always = config.allow_private is True
        trusted = always or (config.allow_private is None and isinstance(config.url, str))
        attempt = 0
        while True:
            attempt += 1
            wait_s = self._retry.delay_s(attempt, random.random)
            try:
                answer = await self._client.send(request, trusted=trusted, always=always)
            except NoAnswerError as error:
                if not error.may_pass or attempt > config.retries:
                    where = f"{request.method} {shown_url(request.url)}"
                    raise EventError(f"{where}: {error}", name="HttpError") from error
            else:
                again = answer.status >= 500 or answer.status == 429
                if not again or attempt > config.retries:
                    return answer
                asked_s = retry_after_s(answer.headers.get("retry-after"), self.context.clock.now())
                wait_s = max(wait_s, asked_s)
            await self.context.clock.wait(self.context.stopping, wait_s)

    def _body(self, answer: Answer) -> Any:
        match self.config.response_type:
            case "base64":
                return base64.b64encode(answer.body).decode()
            case "json" if answer.body:
                try:
                    return msgspec.json.decode(answer.body)
                except (msgspec.DecodeError, RecursionError) as error:
                    text = answer.body[:60].decode(errors="replace")
                    reason = f"the answer ({answer.status}) is no JSON: {error}: {text!r}"
                    raise EventError(reason, name="SyntaxError") from error
            case "json":
                return None
            case _:
                return decoded(answer.body, answer.charset)


def _has_function(value: Any) -> bool:
    """Tell whether there is a function below; at the top there may be one."""
    match value:
        case dict():
            inner = list(value.values())
        case list():
            inner = value
        case _:
            return False
    return any(isinstance(one, JsFunction) or _has_function(one) for one in inner)
