"""Credentials that must open nothing, each as the headers of a request."""

import base64
import hmac
import json
import time
from typing import Any

from joserfc.jwk import RSAKey

from app.security.api_keys import new_key
from tests.support.identity_provider import IdentityProvider, rsa_key


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def by_shared_secret(key: RSAKey, claims: dict[str, Any]) -> str:
    """Return what a verifier would accept that takes `alg` from the token and the public key for an HMAC secret."""
    signed = f"{part({'alg': 'HS256', 'kid': key.kid})}.{part(claims)}"
    digest = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def forged_tokens(idp: IdentityProvider) -> dict[str, str]:
    """Return tokens by what is wrong with them."""
    now = int(time.time())
    key, stranger = idp.keys[0], rsa_key("stranger")
    assert isinstance(key, RSAKey)
    good, unsigned = idp.token().split("."), part(idp.claims())
    return {
        "alg none": f"{part({'alg': 'none', 'kid': key.kid})}.{unsigned}.",
        "alg None": f"{part({'alg': 'None', 'kid': key.kid})}.{unsigned}.",
        "the public key as a shared secret": by_shared_secret(key, idp.claims()),
        "another key under its id": idp.token(stranger, {"kid": key.kid}),
        "a key that is not the issuer's": idp.token(stranger),
        "kid is a path": idp.token(key, {"kid": "../../../../dev/null"}),
        "kid is a query": idp.token(key, {"kid": "' UNION SELECT 'secret"}),
        "kid is a number": f"{part({'alg': 'RS256', 'kid': 7})}.{unsigned}.{good[2]}",
        "no kid among several keys": idp.token(key, {"kid": None}),
        "jku": idp.token(stranger, {"jku": f"{idp.issuer}keys"}),
        "x5u": idp.token(key, {"x5u": "https://evil.example/cert"}),
        "jwk": idp.token(stranger, {"jwk": stranger.as_dict(private=False)}),
        "crit": f"{part({'alg': 'RS256', 'kid': key.kid, 'crit': ['exp']})}.{unsigned}.{good[2]}",
        "expired": idp.token(exp=now - 60, iat=now - 600, nbf=now - 600),
        "no end": idp.token(exp=None),
        "an end that is no time": idp.token(exp="tomorrow"),
        "not yet": idp.token(nbf=now + 120),
        "issued in the future": idp.token(iat=now + 120),
        "wrong audience": idp.token(aud="another-service"),
        "no audience": idp.token(aud=None),
        "wrong issuer": idp.token(iss="https://evil.example/"),
        "no issuer": idp.token(iss=None),
        "issuer is a list": idp.token(iss=[idp.issuer]),
        "claims changed": f"{good[0]}.{part(idp.claims(tenant='globex'))}.{good[2]}",
        "no signature": f"{good[0]}.{good[1]}.",
        "not JSON": "a.b.c",
        "empty parts": "..",
        "too long": f"{good[0]}.{good[1]}.{'A' * 20_000}",
        "an algorithm that is not allowed": idp.token(key, {"alg": "RS512"}),
    }  # fmt: skip


def refused_credentials(idp: IdentityProvider) -> dict[str, dict[str, str]]:
    """Return headers by what is wrong with them: none at all, keys that are not known, and forged tokens."""
    forged = {what: {"Authorization": f"Bearer {token}"} for what, token in forged_tokens(idp).items()}
    return {
        "nothing": {},
        "a key that is not known": {"X-API-Key": new_key()},
        "a key as a password": {"Authorization": "Basic YTpi"},
        "two keys": {"X-API-Key": "", "Authorization": "Bearer"},
        "a token as a key": {"X-API-Key": idp.token()},
        **forged,
    }
