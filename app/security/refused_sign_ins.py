"""Slows down clients that keep sending invalid credentials, at a constant cost in memory and work.

Valid credentials are never delayed by others' invalid ones: behind a proxy many clients share an address, and anyone
could lock them all out. A key has 256 random bits, so there is no guessing that a delay would have to prevent.
"""

import time
from array import array
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem

SLOTS = 1024
"""Addresses are counted by hash, so that a million of them take no more memory than one."""
WINDOW_S = 60
UNAUTHORIZED = 401


class RefusedSignIns:
    """ASGI middleware: after `per_minute` refusals of one address, each further 401 becomes a 429. 0: unlimited."""

    def __init__(
        self, app: ASGIApp, per_minute: int, count: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.app, self._per_minute, self._count, self._clock = app, per_minute, count, clock
        self._windows, self._refusals = array("Q", [0]) * SLOTS, array("Q", [0]) * SLOTS

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or not self._per_minute:
            return self.app(scope, receive, send)
        is_refused = is_replaced = False

        def send_on(message: Message) -> Awaitable[None]:
            nonlocal is_refused
            is_refused = is_refused or message.get("status") == UNAUTHORIZED
            return send_refusal(message) if is_refused else send(message)

        async def send_refusal(message: Message) -> None:
            nonlocal is_replaced
            if message["type"] == "http.response.start":
                wait_s = self._note((scope.get("client") or ("",))[0])
                if wait_s:
                    is_replaced = True
                    self._count()
                    detail = f"Too many requests without valid credentials came from your address; wait {wait_s} s."
                    await problem(429, detail, headers={"Retry-After": str(wait_s)})(scope, receive, send)
            if not is_replaced:
                await send(message)

        return self.app(scope, receive, send_on)

    def _note(self, address: str) -> int:
        """Count a refusal. Return how many seconds the address must wait, 0 while it is within its limit."""
        slot, now = hash(address) % SLOTS, self._clock()
        window = int(now // WINDOW_S)
        if self._windows[slot] != window:
            self._windows[slot], self._refusals[slot] = window, 0
        self._refusals[slot] += 1
        return WINDOW_S - int(now % WINDOW_S) if self._refusals[slot] > self._per_minute else 0
