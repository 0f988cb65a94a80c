"""Server-sent events, sent as they come, the last one `done` or `error`. A client that leaves cancels the work."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.disconnect import ClientGone, unless_client_leaves
from app.api.errors import log_error, problem_of, response_to
from app.telemetry.requests import CLIENT_GONE, OUTCOME_SCOPE_KEY

HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Otherwise a buffering proxy would undo the streaming.
    (b"x-accel-buffering", b"no"),
)


def server_sent_event(name: str, data: object) -> bytes:
    """Return one event with `data` as JSON, which contains no bare line break, so that one `data` line is enough."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), to_json(data))


class LastEvent(bytes):
    """The final event: it is sent together with the end of the body, which would otherwise be a write of its own."""


class EventStream(Response):
    """A response made of events. A failure before the first one becomes a problem with its own status; a failure after
    it becomes a final `error` event that contains the problem.
    """

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        self.events = events
        self.status_code = 200
        self.background = None
        self.raw_headers = [*HEADERS]

    def failure(self, problem: dict[str, Any]) -> bytes:
        """Return the last event of a stream that failed."""
        return server_sent_event("error", {**problem, "truncated": True})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self.events):
            try:
                await unless_client_leaves(receive, self._send_all(scope, receive, send))
            except ClientGone:
                scope[OUTCOME_SCOPE_KEY] = CLIENT_GONE
            else:
                await self._finish()

    async def _send_all(self, scope: Scope, receive: Receive, send: Send) -> None:
        last, has_begun = b"", False
        try:
            async for event in self.events:
                if not has_begun:
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                    has_begun = True
                if isinstance(event, LastEvent):
                    last = event
                    break
                await send({"type": "http.response.body", "body": event, "more_body": True})
        except Exception as error:  # noqa: BLE001 - whatever it was, the stream ends with a typed event
            if not has_begun:
                return await response_to(error)(scope, receive, send)
            log_error(error)
            body = problem_of(error).body()
            scope[OUTCOME_SCOPE_KEY] = body["status"]
            last = self.failure(body)
        return await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _finish(self) -> None:
        """Finish work that follows the last event, such as caching the answer: the client has it already."""
        try:
            async for _ in self.events:
                pass
        except Exception as error:  # noqa: BLE001 - the answer has been sent
            log_error(error)
