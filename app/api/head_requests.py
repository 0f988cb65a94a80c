"""Answers HEAD wherever GET is answered, with the same head (RFC 9110, section 9.3.2); routes need not mention it."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """The outermost ASGI middleware: everything behind it sees a GET; the server omits the body for HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        return self.app(scope, receive, send)
