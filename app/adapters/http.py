"""Requests to model servers: the API key, one retry, and what each kind of failure means."""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import SecretStr
from pydantic_core import to_json

from app.adapters.http_answer import Answer, ConnectionFailed, HttpError
from app.adapters.http_client import HttpClient, Origin
from app.ports import DependencyFailed, DependencyTimeout, DependencyUnavailable, Health, RequestRefused
from app.rag.run import time_left_s
from app.rag.trace import outgoing_headers

HEALTH_TIMEOUT_S = 2.0
RETRY_DELAY_S = (0.1, 0.4)
"""Random delay, so that clients of a server that stumbled do not all come back at once."""
MAX_RETRY_AFTER_S = 2.0
"""A person is waiting: if a server asks for a longer pause, it is not retried and our client is told."""
MAX_PASSED_ON_S = 300
BUSY_STATUSES = frozenset({429, 503})
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
REFUSED_STATUSES = frozenset({400, 413, 422})
"""The request is at fault, e.g. because its text is longer than the model reads."""
KEY = re.compile(r"[\x21-\x7e]+")


class ModelServer:
    """One model server: its base address, its key, and the dependency that its errors name.

    `key_field` precedes the key in a request's head; `fields` are additional header lines.
    """

    def __init__(
        self,
        client: HttpClient,
        url: str,
        api_key: SecretStr | None,
        dependency: str,
        *,
        key_field: str = "Authorization: Bearer",
        fields: str = "",
    ) -> None:
        self._client, self._url, self._dependency = client, url, dependency
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        self._origin = Origin(parts.hostname or "", parts.port or (443 if is_secure else 80), is_secure)
        self._path = quote(parts.path, safe="/%:@!$&'()*+,;=~")
        self._fields = f"Host: {parts.netloc}\r\nUser-Agent: ragspan\r\nAccept-Encoding: identity\r\n{fields}"
        if api_key:
            self._fields += f"{key_field} {_header_value(api_key, dependency)}\r\n"

    def post(self, path: str, body: Mapping[str, Any]) -> AbstractAsyncContextManager[Answer]:
        """Yield an answer with status 200, its body unread; retry once if the server fails before that.

        Raises DependencyUnavailable. Errors mention the status alone, since a body may quote the prompt. Redirects are
        not followed: they would carry the key elsewhere.
        """
        return self._exchange(path, self._request("POST", path, to_json(body)))

    def get(self, path: str, query: str) -> AbstractAsyncContextManager[Answer]:
        """The same for GET; `query` is appended after a question mark and appears in no error."""
        return self._exchange(path, self._request("GET", f"{path}?{query}"))

    @asynccontextmanager
    async def _exchange(self, path: str, request: bytes) -> AsyncGenerator[Answer, None]:
        try:
            answer = await self._answer(path, request)
            try:
                if answer.status != 200:  # noqa: PLR2004
                    raise self._refusal(path, answer)
                yield answer
            finally:
                answer.close()
        except TimeoutError:
            raise DependencyTimeout(self._dependency, f"{self._url}{path} did not answer in time") from None
        except ConnectionFailed as error:
            raise DependencyUnavailable(self._dependency, f"{self._url}{path} failed: {error}") from None
        except HttpError as error:
            raise DependencyFailed(self._dependency, f"{self._url}{path} failed: {error}") from None

    async def _answer(self, path: str, request: bytes) -> Answer:
        asked_s = 0.0
        try:
            answer = await self._client.ask(self._origin, request)
        except (ConnectionFailed, TimeoutError):
            pass
        else:
            if answer.status not in RETRIED_STATUSES:
                return answer
            asked_s = retry_after_s(answer) or 0.0
            if asked_s > MAX_RETRY_AFTER_S:
                return answer
            answer.close()
        delay_s = asked_s + random.uniform(*RETRY_DELAY_S)  # noqa: S311 - jitter, not a secret
        if delay_s >= time_left_s():
            message = f"{self._url}{path} stumbled, and no time is left to ask again"
            raise DependencyUnavailable(self._dependency, message, retry_after_s=asked_s or None)
        await asyncio.sleep(delay_s)
        return await self._client.ask(self._origin, request, anew=True)

    def _request(self, method: str, path: str, body: bytes = b"") -> bytes:
        fields = self._fields + "".join(f"{name}: {value}\r\n" for name, value in outgoing_headers().items())
        if body:
            fields += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{method} {self._path}{path} HTTP/1.1\r\n{fields}\r\n".encode() + body

    async def health(self, path: str = "/models") -> Health:
        """Request the list of models, which every OpenAI-compatible server has and which costs nothing, or `path`."""
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                answer = await self._client.ask(self._origin, self._request("GET", path))
                try:
                    await answer.read()
                finally:
                    answer.close()
        except (HttpError, TimeoutError) as error:
            return Health(ok=False, detail=f"{self._url}{path} failed: {str(error) or 'TimeoutError'}")
        return Health(ok=answer.status == 200, detail=f"{self._url}{path} answered with status {answer.status}")  # noqa: PLR2004

    def _refusal(self, path: str, answer: Answer) -> DependencyUnavailable:
        """Return the error that a status stands for: overload, a faulty request, a timeout, or a server's fault."""
        message = f"{self._url}{path} answered with status {answer.status}"
        if answer.status in BUSY_STATUSES:
            return DependencyUnavailable(self._dependency, message, retry_after_s=retry_after_s(answer))
        if answer.status in REFUSED_STATUSES:
            return RequestRefused(self._dependency, message)
        kind = DependencyTimeout if answer.status == HTTPStatus.GATEWAY_TIMEOUT else DependencyFailed
        return kind(self._dependency, message)


def retry_after_s(answer: Answer) -> float | None:
    """Return the seconds of a Retry-After header, at most `MAX_PASSED_ON_S`; None for a date or nonsense."""
    value = answer.headers.get("retry-after", "")
    return float(min(int(value), MAX_PASSED_ON_S)) if re.fullmatch("[0-9]{1,9}", value) else None


def _header_value(api_key: SecretStr, dependency: str) -> str:
    value = api_key.get_secret_value().strip()
    if not KEY.fullmatch(value):
        raise ValueError(f"the API key of the {dependency} has a character that no HTTP header can carry")
    return value
