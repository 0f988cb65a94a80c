"""Runs the application under uvicorn: one process, a graceful stop, and our own logs."""

import asyncio
import gc
import socket
import time
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from app.serving.slow_clients import PatientProtocol

LAST_GRACE_S = 3
"""Time for what still runs when the drain period is over; then it is cancelled."""


QUIET_S = 0.15
"""How long nothing must be in flight: a busy client may have none for a moment between two requests."""

NEW_OBJECTS = 10_000
"""Objects allocated and not yet freed before the youngest are searched for cycles. Python's default of 700 is reached
after a question or two, and what 64 concurrent questions hold would be promoted for nothing."""


class DrainingServer(uvicorn.Server):
    """On SIGTERM, reports it at `/readyz` and keeps serving until nothing is in flight, for at most `drain_s`.

    A load balancer takes a moment to notice that a replica is leaving; what it still sends is answered, not refused.
    Each answer then closes its connection, so that none is reused just as it is going away.
    """

    def __init__(
        self, app: ASGIApp, *, drain_s: float, on_ready: Callable[[], object], on_drain: Callable[[], object]
    ) -> None:
        config = uvicorn.Config(
            app,  # pyright: ignore[reportArgumentType] - uvicorn has types of its own for the same protocol
            loop="uvloop",
            http=PatientProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=LAST_GRACE_S,
        )
        super().__init__(config)
        self._drain_s, self._on_ready, self._on_drain = drain_s, on_ready, on_drain

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _search_seldom_for_cycles()
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_drain()
        self.server_state.default_headers.append((b"connection", b"close"))
        busy = time.monotonic()
        end = busy + self._drain_s
        # uvicorn keeps its tasks in a plain set that signals nothing, so it has to be polled.
        while (now := time.monotonic()) < min(end, busy + QUIET_S) and not self.force_exit:
            await asyncio.sleep(0.02)
            busy = now if self.server_state.tasks else busy
        await super().shutdown(sockets)


def _search_seldom_for_cycles() -> None:
    """Exempt objects that live as long as the process; a question leaves hardly any cycles behind."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket that does not listen yet. Raises OSError if the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
