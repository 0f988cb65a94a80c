"""HEAD is answered wherever GET is, by the same head (RFC 9110, section 9.3.2). No route has to name it."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware, the outermost: all behind it see a GET; the server, which knows better, leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        return self.app(scope, receive, send)
