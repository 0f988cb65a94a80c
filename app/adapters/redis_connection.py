"""One connection to Redis or Valkey, shared by all requests of this process: commands are sent in the order of the
calls and replies come back in that order, so that no call waits for another's round trip.

No call waits longer than its limit, neither for the connection nor for a reply. The reply to a call that gave up is
still read in its turn. Callers that want to judge the server as a whole put a circuit breaker around their calls.
"""

import asyncio
import contextlib
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, cast
from urllib.parse import urlsplit

import hiredis
from pydantic import SecretStr

from app.ports import DependencyTimeout, DependencyUnavailable, Health

Reply: TypeAlias = "bytes | int | list[Reply] | None"
CONNECT_TIMEOUT_S = 1.0
"""For TCP, TLS and sign-in together. A call waits for it within its own limit; the next call finds it connected."""
STALL_S = 1.0
"""A connection whose oldest command has waited this long is given up: it is half-open, or the server hangs."""
LEAST_S = 0.001
"""Least time for a command whose call had to wait for the connection."""
MAX_UNSENT_BYTES = 16 * 2**20
HEALTH_TIMEOUT_S = 2.0
DEFAULT_PORT = 6379
FULL = "OOM"
"""Redis is out of memory: it refuses writes but still answers."""
NOT_PRIMARY = "READONLY"
"""Another server has become the primary: a new connection to the same name reaches it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """The server's address. `url` is `redis://host[:port][/database]`, or `rediss://` for TLS with the system's
    certificates.
    """

    url: str
    username: str | None = None
    password: SecretStr | None = field(default=None, repr=False)


_packed = cast("Callable[[tuple[str | bytes | float, ...]], bytes]", hiredis.pack_command)  # pyright: ignore[reportUnknownMemberType] - its stub takes one word


class RedisRefused(DependencyUnavailable):
    """Redis answered with an error. `code` is its first word, e.g. `OOM`; the rest may quote a value and is dropped."""

    def __init__(self, code: str) -> None:
        super().__init__("redis", f"Redis refused a command: {code}", is_to_blame=code != FULL)
        self.code = code


class RedisConnection:
    """Connects on the first call, and again after a failure. Use it in one event loop, and close it."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._protocol: _Protocol | None = None
        self._connecting: asyncio.Task[_Protocol] | None = None

    async def call(self, *command: str | bytes | float, timeout_s: float) -> Reply:
        """Return the reply to a command.

        Raises DependencyTimeout, RedisRefused, or DependencyUnavailable where there is no connection.
        """
        started = time.monotonic()
        protocol = self._protocol
        if protocol is None or not protocol.is_usable:
            protocol = await self._connected(timeout_s)
            timeout_s = max(timeout_s - (time.monotonic() - started), LEAST_S)
        try:
            return _checked(await protocol.send(command, timeout_s))
        except RedisRefused as error:
            if error.code == NOT_PRIMARY:
                protocol.abort()
            raise

    async def health(self) -> Health:
        try:
            reply = await self.call("PING", timeout_s=HEALTH_TIMEOUT_S)
        except DependencyUnavailable as error:
            return Health(ok=False, detail=str(error))
        return Health(ok=reply == b"PONG", detail="" if reply == b"PONG" else "Redis did not answer PING with PONG.")

    async def close(self) -> None:
        if self._connecting:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, DependencyUnavailable):
                await self._connecting
        if self._protocol:
            self._protocol.abort()

    async def _connected(self, timeout_s: float) -> "_Protocol":
        """Wait for a connection attempt, starting one if necessary. Giving up the wait does not end the attempt."""
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.exception())  # waiters see it
        await asyncio.wait({self._connecting}, timeout=timeout_s)
        if not self._connecting.done():
            raise DependencyTimeout("redis", "Redis was not connected in time")
        return self._connecting.result()

    async def _connect(self) -> "_Protocol":
        if self._protocol:
            self._protocol.abort()
        parts = urlsplit(self._address.url)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORT
        tls = ssl.create_default_context() if parts.scheme == "rediss" else None
        where = f"{host}:{port}"
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, protocol = await asyncio.get_running_loop().create_connection(_Protocol, host, port, ssl=tls)
                await self._sign_in(protocol, parts.path.strip("/"))
        except TimeoutError:
            raise DependencyTimeout("redis", f"Redis at {where} did not connect in time") from None
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message.rstrip(".")
            raise DependencyUnavailable(
                "redis", f"Redis at {where} shows a certificate that is not trusted here ({reason})"
            ) from None
        except OSError as error:
            raise DependencyUnavailable("redis", f"Redis at {where} is not reached ({type(error).__name__})") from None
        self._protocol = protocol
        return protocol

    async def _sign_in(self, protocol: "_Protocol", database: str) -> None:
        user, password = self._address.username, self._address.password
        try:
            if password:
                credentials = ("AUTH", *((user,) if user else ()), password.get_secret_value())
                _checked(await protocol.send(credentials, CONNECT_TIMEOUT_S))
            _checked(await protocol.send(("SELECT", database or "0"), CONNECT_TIMEOUT_S))
        except BaseException:
            protocol.abort()
            raise


class _Protocol(asyncio.Protocol):
    """Sends commands and hands out replies, first in, first out."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[float, asyncio.Future[object]]] = deque()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def is_usable(self) -> bool:
        """Whether it is open and the server answers; a stalled connection is closed here."""
        if self._waiting and time.monotonic() - self._waiting[0][0] > STALL_S:
            self.abort()
        return self._transport is not None

    async def send(self, command: tuple[str | bytes | float, ...], timeout_s: float) -> object:
        """Return the reply to a command. Raises DependencyTimeout, or DependencyUnavailable for a lost connection."""
        if self._transport is None:
            raise _lost()
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            raise DependencyUnavailable("redis", "Redis takes nothing more")
        reply: asyncio.Future[object] = self._loop.create_future()
        self._waiting.append((time.monotonic(), reply))
        self._transport.write(_packed(command))
        timer = self._loop.call_later(timeout_s, _expire, reply)
        try:
            return await reply
        finally:
            timer.cancel()

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()
        self._end()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                _, waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_result(reply)
        except (hiredis.ProtocolError, IndexError):  # not Redis, or more replies than commands
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio passes it
        self._end()

    def _end(self) -> None:
        self._transport = None
        while self._waiting:
            _, waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(_lost())


def _expire(reply: asyncio.Future[object]) -> None:
    """Give up a reply. Loops read before they run timers: one that came while this process was busy counts."""
    if not reply.done():
        reply.set_exception(DependencyTimeout("redis", "Redis did not answer in time"))


def _lost() -> DependencyUnavailable:
    return DependencyUnavailable("redis", "the connection to Redis was lost")


def _checked(reply: object) -> Reply:
    if isinstance(reply, hiredis.ReplyError):
        raise RedisRefused(str(reply).partition(" ")[0])
    return cast("Reply", reply)
