"""An OpenID Connect issuer over HTTP: discovery of its configuration, its signing keys, and tokens for codes.

OpenID Connect Discovery 1.0, section 4; RFC 7517 for the keys; RFC 6749, section 4.1.3 for the codes. Only what the
issuer published under its own name is followed: no redirect, and no address from a token.
"""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from app.adapters.http_answer import HttpError
from app.adapters.http_client import HttpClient, Origin
from app.ports import DependencyUnavailable

DEPENDENCY = "issuer"
FETCH_TIMEOUT_S = 3.0
CONFIGURATION_S = 300.0
"""An issuer changes its addresses once in years, and keeps the old ones for a while."""
MAX_BYTES = 256 * 1024
"""Room for dozens of RSA keys with their certificate chains."""
SAFE = "/%:@!$&'()*+,;=~?"
"""Characters of an address that are sent unescaped."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class OidcIssuer:
    """One issuer; the HTTP client belongs to whoever opened it."""

    def __init__(self, client: HttpClient, issuer: str, jwks_url: str | None = None) -> None:
        self.issuer = issuer
        self._client, self._jwks_url = client, jwks_url
        self._configuration, self._known_until = dict[str, Any](), 0.0
        self._asking: asyncio.Task[None] | None = None

    async def configuration(self) -> dict[str, Any]:
        """Return the issuer's configuration. Raises DependencyUnavailable, also if it names a different issuer.

        Anyone may begin to sign in, as often as they like: it is fetched once in `CONFIGURATION_S`, for all who wait.
        """
        if time.monotonic() >= self._known_until:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._fetch_configuration())
                self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())  # seen by who waits
            await asyncio.shield(self._asking)
        return self._configuration

    async def _fetch_configuration(self) -> None:
        url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = await self._fetch(url)
        if document.get("issuer") != self.issuer:
            raise DependencyUnavailable(DEPENDENCY, f"{url} names another issuer than {self.issuer}")
        self._configuration, self._known_until = document, time.monotonic() + CONFIGURATION_S

    async def keys(self) -> list[dict[str, Any]]:
        """Fetch the key set, as JSON Web Keys. Raises DependencyUnavailable."""
        url = self._jwks_url or (await self.configuration()).get("jwks_uri")
        if not isinstance(url, str) or not is_safe(url):
            raise DependencyUnavailable(DEPENDENCY, f"{self.issuer} names no https:// address of its keys")
        keys = (await self._fetch(url)).get("keys")
        if not isinstance(keys, list):
            raise DependencyUnavailable(DEPENDENCY, f"{url} holds no key set")
        return [key for key in keys if isinstance(key, dict)]  # pyright: ignore[reportUnknownVariableType]

    async def endpoint(self, name: str) -> str:
        """Return the address of the issuer's `authorization` or `token` endpoint. Raises DependencyUnavailable."""
        url = (await self.configuration()).get(f"{name}_endpoint")
        if not isinstance(url, str) or not is_safe(url):
            raise DependencyUnavailable(DEPENDENCY, f"{self.issuer} names no https:// address of its {name} endpoint")
        return url

    async def id_token(self, form: Mapping[str, str], client_id: str, client_secret: str | None) -> str:
        """Exchange an authorization code for an ID token. Raises DependencyUnavailable, also for a refused code."""
        url = await self.endpoint("token")
        secret = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}" if client_secret else None
        fields = [f"Authorization: Basic {b64encode(secret.encode()).decode()}"] if secret else []
        body = urlencode({**form, **({} if secret else {"client_id": client_id})})
        fields += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        token = (await self._fetch(url, "POST", fields, body)).get("id_token")
        if not isinstance(token, str):
            raise DependencyUnavailable(DEPENDENCY, f"{url} sent no ID token; the page needs the scope openid")
        return token

    async def _fetch(self, url: str, method: str = "GET", fields: Sequence[str] = (), body: str = "") -> dict[str, Any]:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                document = json.loads(await self._ask(url, method, fields, body))
        except (HttpError, TimeoutError, ValueError, RecursionError) as error:
            raise DependencyUnavailable(DEPENDENCY, f"{url} failed: {type(error).__name__}") from None
        if not isinstance(document, dict):
            raise DependencyUnavailable(DEPENDENCY, f"{url} holds no JSON object")
        return document  # pyright: ignore[reportUnknownVariableType]

    async def _ask(self, url: str, method: str, fields: Sequence[str], body: str) -> bytes:
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        origin = Origin(parts.hostname or "", parts.port or (443 if is_secure else 80), is_secure)
        target = quote(parts.path or "/", safe=SAFE) + (f"?{quote(parts.query, safe=SAFE)}" if parts.query else "")
        always = f"Host: {parts.netloc}\r\nUser-Agent: ragspan\r\nAccept: application/json\r\nAccept-Encoding: identity"
        head = "\r\n".join([f"{method} {target} HTTP/1.1", always, *fields])
        answer = await self._client.ask(origin, f"{head}\r\n\r\n{body}".encode())
        try:
            if answer.status != 200:  # noqa: PLR2004
                raise DependencyUnavailable(DEPENDENCY, f"{url} answered with status {answer.status}")
            content = b""
            while part := await answer.some():
                content += part
                if len(content) > MAX_BYTES:
                    raise DependencyUnavailable(DEPENDENCY, f"{url} holds more than {MAX_BYTES} bytes")
            return content
        finally:
            answer.close()


def is_safe(url: str) -> bool:
    """Whether nobody in between can alter what is fetched: https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
