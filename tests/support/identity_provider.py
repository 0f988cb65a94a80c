"""An OpenID Connect issuer on loopback with real keys: it publishes them, rotates them, fails and hangs on demand.

It signs in everyone whose browser comes along, and exchanges each code once, for who proves to have asked for it.

async with IdentityProvider() as idp:
    token = idp.token(tenant="acme", scope="query")
"""

import asyncio
import json
import secrets
import time
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from aiohttp import web
from joserfc.jwk import ECKey, Key, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import encode
from yarl import URL

AUDIENCE = "ragspan"
CLIENT, CLIENT_SECRET = "ragspan-page", "s3cret/with:signs"
EVERY_ALGORITHM = JWSRegistry(algorithms=list(JWSRegistry.algorithms), strict_check_header=False)


ENDPOINTS = {"authorization": "authorize", "token": "token"}


def rsa_key(kid: str = "rsa-1") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def ec_key(kid: str = "ec-1") -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


class IdentityProvider:
    """Serves its discovery document and its keys; `configurations` and `fetches` count how often each was asked for."""

    def __init__(self, *keys: Key) -> None:
        self.keys: list[Key] = list(keys) or [rsa_key(), ec_key()]
        self.status = 200
        self.raw: bytes | None = None
        """Sent in place of the key set."""
        self.hangs = False
        self.fetches = self.configurations = 0
        self.codes: dict[str, dict[str, str]] = {}
        """What each code was asked for with."""
        self.answer: dict[str, str] = {}
        """Added to what the browser brings back; an empty value takes something out."""
        self.id_claims: dict[str, Any] = {}
        """Changes to the claims of the next ID tokens; `name` is Alice Example."""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
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
        self.configurations += 1
        endpoints = {f"{name}_endpoint": f"{self.issuer}{path}" for name, path in ENDPOINTS.items()}
        return web.json_response({"issuer": self.issuer, "jwks_uri": f"{self.issuer}keys", **endpoints})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked, code = dict(request.query), secrets.token_urlsafe()
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer, **self.answer}
        back = URL(asked["redirect_uri"]).with_query({name: value for name, value in answer.items() if value})
        raise web.HTTPFound(back)

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        asked = self.codes.pop(str(form.get("code")), None)
        challenge = urlsafe_b64encode(sha256(str(form.get("code_verifier")).encode()).digest()).rstrip(b"=").decode()
        basic = b64encode(f"{CLIENT}:{quote(CLIENT_SECRET, safe='')}".encode()).decode()
        is_client = CLIENT in (
            form.get("client_id"),
            request.headers.get("Authorization") == f"Basic {basic}" and CLIENT,
        )
        wanted = (asked or {}).get("code_challenge"), (asked or {}).get("redirect_uri"), "authorization_code"
        if not asked or not is_client or (challenge, form.get("redirect_uri"), form.get("grant_type")) != wanted:
            return web.json_response({"error": "invalid_grant"}, status=400)
        claims: dict[str, Any] = {"aud": CLIENT, "nonce": asked["nonce"], "name": "Alice Example", **self.id_claims}
        id_token = self.token(None, None, **claims)
        return web.json_response({"id_token": id_token, "access_token": "unused", "token_type": "Bearer"})

    async def _keys(self, _request: web.Request) -> web.Response:
        self.fetches += 1
        if self.hangs:
            await asyncio.Event().wait()
        body = self.key_set() if self.raw is None else self.raw
        return web.Response(body=body, status=self.status, content_type="application/json")
