"""Where ``fetch`` stays inside: requests to other workers of this runner are calls, without DNS and without a socket.

A host below a worker domain leads there, and a service binding. Bodies go from lane to lane, as fast as their last reader takes
them. Must not know how workers are found, nor who may call whom.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runner.calls import Reply
from runner.errors import NotResolvedError, OpError, StreamError
from runner.events.fetch import make_request
from runner.events.trace import with_trace
from runner.ops.unpacking import Unpacking, resolve_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.calls import Calls
    from runner.events.fetch import Request
    from runner.ingress.answers import Problem
    from runner.ops.hop import Hop, RedirectMode
    from runner.ops.registry import OpCall


class InternalRoutes:
    """Asks workers of this runner for others of them."""

    def __init__(self, calls: Calls, domains: Iterable[str]) -> None:
        self._calls = calls
        self._suffixes = tuple(f".{domain}" for domain in domains)

    def lead_to(self, hop: Hop) -> bool:
        """Whether the request is for a worker of this runner; the bare domain is none."""
        if hop.worker:
            return True
        try:
            host = urlsplit(hop.url).hostname
        except ValueError:
            return False
        return host is not None and host.rstrip(".").endswith(self._suffixes)

    async def ask(self, call: OpCall, hop: Hop, redirect: RedirectMode) -> bool:
        """Make the request; false when its answer was a redirect, and the hop is the next one now.

        Raises
        ------
        OpError
            The request is none that a worker can get.

        """
        context = call.onward()
        headers = hop.headers
        if context.trace is not None:
            headers = with_trace(headers, context.trace, context.tracestate)
        content = hop.content
        try:
            request = make_request(
                hop.method,
                hop.url,
                headers,
                request_id=context.request_id,
                body_size=None if content is None else len(content),
            )
        except NotResolvedError as error:
            raise OpError("TypeError", f"fetch failed: {error.reason}") from None
        request.worker_id = hop.worker
        body = call.sent_body() if hop.streams else content
        caller = call.execution.deployment.tenant
        async with self._calls.open(request, body, context=context, caller=caller) as made:
            reply = _reply(await made.answer(), request)
            call.note("http.response.status_code", reply.status)
            locations = [value for name, value in reply.headers if name == "location"]
            if hop.follow(reply.status, locations, redirect):
                return False
            await _pass_on(call, hop, reply)
        return True


def _reply(answer: Reply | Problem, request: Request) -> Reply:
    """Return the runner's own answers as the client of an HTTP request would get them."""
    if isinstance(answer, Reply):
        return answer
    headers, body = answer.render(request.id, as_json=request.wants_json)
    texts = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
    return Reply(answer.status, "", texts, body if request.method != "HEAD" else None)


async def _pass_on(call: OpCall, hop: Hop, reply: Reply) -> None:
    """Resolve the op, and send the body on."""
    answer, encoding = hop.answer(reply.status, reply.status_text, reply.headers)
    body = reply.body
    if body is None:
        call.resolve(answer)
        return
    if isinstance(body, bytes) and resolve_whole(call, answer, body, encoding):
        return
    stream = call.open_body(encoding)
    task = asyncio.current_task()
    assert task is not None
    stream.on_cancel = task.cancel
    call.resolve(answer | {"body": "stream"})
    unpacking = Unpacking(stream)
    try:
        if isinstance(body, bytes):
            await unpacking.write(body)
        else:
            while (chunk := await body.read()) is not None:
                await unpacking.write(chunk)
        await unpacking.end()
    except OpError as error:
        stream.close(StreamError(error.name, error.message))
    except StreamError as error:
        stream.close(StreamError("TypeError", f"fetch failed: the body failed: {error.message}"))
