"""The one pooled HTTP client for model servers, and how a request to one of them may fail."""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import SecretStr

from app.ports import DependencyTimeout, DependencyUnavailable, Health
from app.rag.run import time_left_s
from app.rag.trace import outgoing_headers

CONNECT_TIMEOUT_S = 2.0
HEALTH_TIMEOUT_S = 2.0
RETRY_DELAY_S = (0.1, 0.4)
"""Jitter between: so that many clients of a server that stumbled do not come back together."""
MAX_RETRY_AFTER_S = 2.0
"""A person waits; whoever asks to be left alone for longer is not asked again, and our client is told for how long."""
MAX_PASSED_ON_S = 300
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})


def open_http(read_timeout_s: float) -> aiohttp.ClientSession:
    """Return the client; call it in a running loop and close it. No cookies, no proxy from the environment.

    `read_timeout_s` bounds each wait for a server's next bytes; callers have deadlines of their own above it.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=10),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=read_timeout_s),
    )


class ModelServer:
    """One model server: its base address, its key, and the dependency that its errors name."""

    def __init__(self, session: aiohttp.ClientSession, url: str, api_key: SecretStr | None, dependency: str) -> None:
        self._session, self._url, self._dependency = session, url, dependency
        self._headers = {"Authorization": f"Bearer {api_key.get_secret_value()}"} if api_key else {}

    @asynccontextmanager
    async def post(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """Yield a response with status 200, its body unread; ask once more if the server stumbles before that.

        Raises DependencyUnavailable. An error of the server is named by its status: its body may quote the prompt.
        Redirects are not followed: they would carry the key elsewhere.
        """
        try:
            async with await self._respond(path, body) as response:
                if response.status != 200:  # noqa: PLR2004
                    message = f"{self._url}{path} answered with status {response.status}"
                    raise self._failure(message, retry_after_s(response))
                yield response
        except TimeoutError:
            raise DependencyTimeout(self._dependency, f"{self._url}{path} did not answer in time") from None
        except (aiohttp.ClientError, HttpProcessingError) as error:
            raise self._failure(f"{self._url}{path} failed: {type(error).__name__}") from None

    async def _respond(self, path: str, body: Mapping[str, Any]) -> aiohttp.ClientResponse:
        asked_s = 0.0
        try:
            response = await self._send(path, body)
        except (aiohttp.ClientConnectionError, TimeoutError):
            pass
        else:
            if response.status not in RETRIED_STATUSES:
                return response
            asked_s = retry_after_s(response) or 0.0
            if asked_s > MAX_RETRY_AFTER_S:
                return response
            response.close()
        delay_s = asked_s + random.uniform(*RETRY_DELAY_S)  # noqa: S311 - jitter, not a secret
        if delay_s >= time_left_s():
            raise self._failure(f"{self._url}{path} stumbled, and no time is left to ask again", asked_s or None)
        await asyncio.sleep(delay_s)
        return await self._send(path, body)

    async def _send(self, path: str, body: Mapping[str, Any]) -> aiohttp.ClientResponse:
        headers = self._headers | outgoing_headers()
        return await self._session.post(self._url + path, json=body, headers=headers, allow_redirects=False)

    async def health(self, path: str = "/models") -> Health:
        """Ask for the list of models, which an OpenAI-compatible server has and which costs nothing, or for `path`."""
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                async with self._session.get(
                    self._url + path, headers=self._headers, allow_redirects=False
                ) as response:
                    detail = f"{self._url}{path} answered with status {response.status}"
                    return Health(ok=response.status == 200, detail=detail)  # noqa: PLR2004
        except (aiohttp.ClientError, TimeoutError) as error:
            return Health(ok=False, detail=f"{self._url}{path} failed: {type(error).__name__}")

    def _failure(self, message: str, asked_s: float | None = None) -> DependencyUnavailable:
        return DependencyUnavailable(self._dependency, message, retry_after_s=asked_s)


def retry_after_s(response: aiohttp.ClientResponse) -> float | None:
    """Return the seconds of a Retry-After header, `MAX_PASSED_ON_S` at most; None for a date or nonsense."""
    value = response.headers.get("Retry-After", "")
    return float(min(int(value), MAX_PASSED_ON_S)) if re.fullmatch("[0-9]{1,9}", value) else None
