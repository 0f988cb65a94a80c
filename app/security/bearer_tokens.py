"""JSON Web Tokens of an OpenID Connect issuer, accepted as bearer tokens beside API keys.

A token's claims count only after its signature has been verified with a key that its issuer publishes; a token that
says where to find a key is refused. RFC 8725 is the checklist.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import Key
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact
from joserfc.jwt import JWTClaimsRegistry
from starlette.types import Scope

from app.api.problems import Problem
from app.ports import DependencyUnavailable
from app.security.claims import ClaimNames, principal_of
from app.security.headers import bearer_token
from app.security.issuer_keys import IssuerKeys, KeyUnknown
from app.security.principal import Principal

LEEWAY_S = 30
"""How far the issuer's clock and ours may differ."""
MAX_TOKEN_BYTES = 16 * 1024
MAX_REMEMBERED = 4096
TOKEN_DOTS = 2
FOREIGN_KEY_HEADERS = ("jku", "jwk", "x5u", "x5c")
"""Headers by which a token brings its own key, or says where to fetch it."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A token whose signature was valid: with which key, until when, and who sent it."""

    principal: Principal
    claims: Mapping[str, Any]
    issuer: str
    kid: str | None
    algorithm: str
    key: object
    expires_at: float


class BearerTokens:
    """Authenticator: `Authorization: Bearer` with a signed token of one of the issuers."""

    def __init__(
        self, issuers: Mapping[str, IssuerKeys], *, audience: str, algorithms: Sequence[str], claims: ClaimNames
    ) -> None:
        self._issuers, self._audience, self._claims = issuers, audience, claims
        self._registry = JWSRegistry(algorithms=tuple(algorithms), strict_check_header=False)
        self._verified: OrderedDict[bytes, Verified] = OrderedDict()

    async def authenticate(self, scope: Scope) -> Principal | None:
        token = bearer_token(scope)
        if token is None or token.count(".") != TOKEN_DOTS:
            return None
        try:
            return await self._principal(token)
        except DependencyUnavailable as error:
            detail = "The issuer of your token cannot be asked for its keys; try again shortly."
            raise Problem(503, detail, headers={"Retry-After": str(round(error.retry_after_s or 1))}) from None
        except KeyUnknown:
            raise refused("Its key is not one of its issuer's.") from None

    async def _principal(self, token: str) -> Principal:
        digest = sha256(token.encode()).digest()
        if known := self._verified.get(digest):
            key = await self._issuers[known.issuer].find(known.kid, known.algorithm)
            if key is known.key and time.time() < known.expires_at:
                self._verified.move_to_end(digest)
                return known.principal
            del self._verified[digest]
        verified = await self.verify(token)
        self._verified[digest] = verified
        if len(self._verified) > MAX_REMEMBERED:
            self._verified.popitem(last=False)
        return verified.principal

    async def verify(self, token: str) -> Verified:
        """Check a token from end to end. Raises a Problem, KeyUnknown or DependencyUnavailable."""
        signature, header, claims = self._parse(token)
        issuer, kid = claims.get("iss"), header.get("kid")
        keys = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if keys is None:
            raise refused("It is not of an issuer that is trusted here.")
        key = await keys.find(kid, header["alg"])
        if not self._holds(signature, key):
            key = await keys.find_again(kid, header["alg"])
            if not self._holds(signature, key):
                raise refused("Its signature does not hold.")
        self._check(claims, str(issuer))
        principal, expires_at = principal_of(claims, self._claims), claims["exp"] + LEEWAY_S
        return Verified(principal, claims, str(issuer), kid, header["alg"], key, expires_at)

    def _holds(self, signature: CompactSignature, key: Key) -> bool:
        try:
            return validate_compact(signature, key, registry=self._registry)
        except (JoseError, ValueError):
            return False

    def _parse(self, token: str) -> tuple[CompactSignature, dict[str, Any], dict[str, Any]]:
        """Return the token's parts, none of which is verified yet."""
        try:
            if len(token) > MAX_TOKEN_BYTES:
                raise refused(f"It is longer than {MAX_TOKEN_BYTES} bytes.")
            signature = extract_compact(token.encode(), registry=self._registry)
            header = signature.headers()
            self._registry.check_header(header)
            self._registry.get_alg(header["alg"])
            claims = json.loads(signature.payload)
        except (JoseError, ValueError, TypeError, RecursionError):
            raise refused("It is malformed, or signed in a way that is not allowed here.") from None
        if any(name in header for name in FOREIGN_KEY_HEADERS):
            raise refused(f"It brings a key of its own ({', '.join(FOREIGN_KEY_HEADERS)}).")
        if not isinstance(claims, dict):
            raise refused("It has no claims.")
        return signature, header, claims  # pyright: ignore[reportUnknownVariableType]

    def _check(self, claims: dict[str, Any], issuer: str) -> None:
        registry = JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": self._audience},
            exp={"essential": True},
        )
        try:
            registry.validate(claims)
        except ExpiredTokenError:
            raise refused("It has expired.") from None
        except MissingClaimError as error:
            raise refused(f"It lacks the claim {error.claim}.") from None
        except InvalidClaimError as error:
            raise refused(f"Its claim {error.claim} does not hold here.") from None


def refused(reason: str) -> Problem:
    """Return the 401 for a token. `reason` is a sentence about it that quotes nothing from it."""
    challenge = f'Bearer error="invalid_token", error_description="{reason}"'
    return Problem(401, f"The token is refused. {reason}", headers={"WWW-Authenticate": challenge})
