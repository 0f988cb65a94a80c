"""Limits concurrent uploads: a few more wait unread, the rest is told to come back.

An upload is held as a whole, first in the temporary folder, then in memory, until it is indexed.
"""

import asyncio
from asyncio import Semaphore
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from weakref import WeakValueDictionary

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import problem
from app.security.body_limit import UPLOAD_PATH
from app.security.principal import PRINCIPAL_KEY

PLACES = 8
"""Per replica. The pod's temporary folder has room for this many of the largest uploads (infra/services/rag_api.py)."""
PLACES_OF_A_TENANT = 6
"""A slow sender keeps its place for long, so no tenant may occupy all of them."""
QUEUE = 16
"""Waiting uploads have sent their head, and no more of the body than fits into the connection's buffers."""
MAX_WAIT_S = 30.0
"""Uploads can wait; this is half of what proxies usually allow an answer."""
RETRY_AFTER_S = 5


class UploadPlaces:
    """ASGI middleware: answers 429 to an upload that finds no place, before its body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._places, self._waiting = Semaphore(PLACES), 0
        self._of_tenant: WeakValueDictionary[str, Semaphore] = WeakValueDictionary()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_upload = scope["type"] == "http" and scope["path"] == UPLOAD_PATH and scope["method"] == "POST"
        return (self._in_turn if is_upload else self.app)(scope, receive, send)

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as held:
            if await self._get_a_place(scope[PRINCIPAL_KEY].tenant, held):
                return await self.app(scope, receive, send)
        detail = f"The service adds as many documents as it can at once; send this one again in {RETRY_AFTER_S} s."
        return await problem(429, detail, headers={"Retry-After": str(RETRY_AFTER_S)})(scope, receive, send)

    async def _get_a_place(self, tenant: str, held: AsyncExitStack) -> bool:
        """Wait for a place of the tenant and one of all, released by `held`; False if none becomes free in time."""
        wanted = (self._of_tenant.setdefault(tenant, Semaphore(PLACES_OF_A_TENANT)), self._places)
        if any(places.locked() for places in wanted) and self._waiting >= QUEUE:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(MAX_WAIT_S):
                for places in wanted:
                    await held.enter_async_context(places)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True
