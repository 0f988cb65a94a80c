"""An OpenID Connect issuer on loopback with real keys: it publishes them, rotates them, fails and hangs on demand.

async with IdentityProvider() as idp:
    token = idp.token(tenant="acme", scope="query")
"""

import asyncio
import json
import time
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from joserfc.jwk import ECKey, Key, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import encode

AUDIENCE = "ragspan"
EVERY_ALGORITHM = JWSRegistry(algorithms=list(JWSRegistry.algorithms), strict_check_header=False)


def rsa_key(kid: str = "rsa-1") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def ec_key(kid: str = "ec-1") -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


class IdentityProvider:
    """Serves its discovery document and its keys. `fetches` counts how often the keys were asked for."""

    def __init__(self, *keys: Key) -> None:
        self.keys: list[Key] = list(keys) or [rsa_key(), ec_key()]
        self.status = 200
        self.raw: bytes | None = None
        """Sent in place of the key set."""
        self.hangs = False
        self.fetches = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/keys", self._keys)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.issuer = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return claims that this service accepts, with these changes; None takes a claim out."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer, "aud": AUDIENCE, "sub": "alice", "iat": now, "nbf": now, "exp": now + 300,
            "tenant": "acme", "scope": "query ingest admin", **changes,
        }  # fmt: skip
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key: Key | None = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a signed token; `header` adds to or replaces what its header says."""
        key = key or self.keys[0]
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        head = {"alg": algorithm, "kid": key.kid, **(header or {})}
        return encode(
            {name: value for name, value in head.items() if value is not None},
            self.claims(**changes), key, registry=EVERY_ALGORITHM,
        )  # fmt: skip

    def key_set(self) -> bytes:
        """Return the public keys as they are published."""
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()

    async def _configuration(self, _request: web.Request) -> web.Response:
        document = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}keys"}
        return web.json_response(document)

    async def _keys(self, _request: web.Request) -> web.Response:
        self.fetches += 1
        if self.hangs:
            await asyncio.Event().wait()
        body = self.key_set() if self.raw is None else self.raw
        return web.Response(body=body, status=self.status, content_type="application/json")
