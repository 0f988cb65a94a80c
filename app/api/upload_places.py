"""So many documents are added at once; a few more wait, unread, the rest is told to come back.

An upload is whole in the temporary folder, then in memory, until it is in the index.
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
from app.telemetry.requests import ENDPOINT_SCOPE_KEY

PLACES = 8
"""Per replica; the temporary folder of its pod is made for so many of the largest (infra/services/rag_api.py)."""
PLACES_OF_A_TENANT = 6
"""Whoever sends slowly keeps a place for long; so nobody can keep all of them."""
QUEUE = 16
"""What waits has sent its head, and of its body no more than the connection's buffers hold."""
MAX_WAIT_S = 30.0
"""Whoever adds documents has time; half of what proxies allow an answer."""
RETRY_AFTER_S = 5


class UploadPlaces:
    """ASGI middleware: 429 for an upload that finds no place, before its body is read."""

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
        scope[ENDPOINT_SCOPE_KEY] = UPLOAD_PATH
        detail = f"The service adds as many documents as it can at once; send this one again in {RETRY_AFTER_S} s."
        return await problem(429, detail, headers={"Retry-After": str(RETRY_AFTER_S)})(scope, receive, send)

    async def _get_a_place(self, tenant: str, held: AsyncExitStack) -> bool:
        """Wait for a place of the tenant's and of all, to be left with `held`; False if there is none in time."""
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
