"""An HTTP/1.1 client for model servers on the event loop's own protocols: each read is one call, without a task.

Connections are kept between requests; llhttp, which comes with uvicorn as httptools, does the parsing. Deliberately
absent: redirects, cookies, proxies, compression, pipelining, HTTP/2. docs/decisions/a-client-for-model-servers.md says
why it is no full-featured client.
"""

import asyncio
import ssl
from collections import deque
from typing import NamedTuple, Self, cast

from app.adapters.http_answer import Answer, ConnectionFailed

CONNECT_TIMEOUT_S = 2.0
IDLE_S = 15.0
"""A connection idle for longer is not reused: servers and load balancers may close it at any moment."""


class Origin(NamedTuple):
    host: str
    port: int
    is_secure: bool


class HttpClient:
    """Keeps connections to any number of servers in one event loop; leaving its context closes them.

    `read_timeout_s` limits each wait for more bytes; callers apply deadlines of their own on top.
    """

    def __init__(self, read_timeout_s: float) -> None:
        self._read_timeout_s = read_timeout_s
        self._connections: set[_Connection] = set()
        self._idle: dict[Origin, deque[_Connection]] = {}
        self._tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        lost = [connection.lost.wait() for connection in self._connections]
        for connection in list(self._connections):
            connection.transport.abort()
        await asyncio.gather(*lost)

    async def ask(self, origin: Origin, request: bytes, *, anew: bool = False) -> Answer:
        """Send a request and return its answer, to be closed, once its head is there. Raises HttpError or TimeoutError.

        `anew` uses a new connection: if one idle connection was dead, the others may be too.
        """
        connection = (None if anew else self._reusable(origin)) or await self._connect(origin)
        connection.answer = answer = Answer(connection, request, self._read_timeout_s)
        try:
            await answer.head()
        except BaseException:
            answer.close()
            raise
        return answer

    def keep(self, connection: "_Connection") -> None:
        """Keep a connection whose exchange is complete."""
        connection.idle_since_s = asyncio.get_running_loop().time()
        self._idle.setdefault(connection.origin, deque()).append(connection)

    def forget(self, connection: "_Connection") -> None:
        """Forget a connection that was lost."""
        self._connections.discard(connection)
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)

    def _reusable(self, origin: Origin) -> "_Connection | None":
        idle = self._idle.get(origin, deque())
        expired_s = asyncio.get_running_loop().time() - IDLE_S
        while idle and idle[0].idle_since_s < expired_s:
            idle.popleft().transport.abort()
        while idle:
            connection = idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    async def _connect(self, origin: Origin) -> "_Connection":
        if origin.is_secure and not self._tls:
            self._tls = ssl.create_default_context()
        tls = self._tls if origin.is_secure else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self, origin), origin.host, origin.port, ssl=tls
                )
        except TimeoutError:
            raise
        except (OSError, UnicodeError) as error:
            raise ConnectionFailed(type(error).__name__) from None
        self._connections.add(connection)
        return connection


class _Connection(asyncio.Protocol):
    """One connection, with one exchange at a time or none."""

    transport: asyncio.Transport

    def __init__(self, client: HttpClient, origin: Origin) -> None:
        self.origin, self._client = origin, client
        self.answer: Answer | None = None
        self.idle_since_s = 0.0
        self.lost = asyncio.Event()

    def release(self, *, keep: bool) -> None:
        self.answer = None
        if keep and not self.transport.is_closing():
            self._client.keep(self)
        else:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.answer:
            self.answer.feed(data)
        else:
            self.transport.abort()  # data without a request

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._client.forget(self)
        if self.answer:
            self.answer.cut(is_clean=exc is None)
