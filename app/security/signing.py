"""Signed values with an expiry time that are given to a browser and come back unchanged, or are rejected."""

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any


class Signer:
    """Signs with HMAC-SHA256 and one key per `purpose`: a value signed for one purpose is invalid for any other."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._key = hmac.digest(secret, purpose.encode(), "sha256")

    def sign(self, payload: dict[str, Any], *, for_s: int) -> str:
        """Return the signed payload as cookie-safe text, valid for `for_s` seconds. Its holder can read it."""
        content = json.dumps({**payload, "exp": int(time.time()) + for_s}, separators=(",", ":")).encode()
        return f"{_encoded(content)}.{self.mac(content)}"

    def read(self, text: str) -> dict[str, Any] | None:
        """Return the payload with `exp` (seconds since the epoch); None if not signed here or expired."""
        content, _, mac = text.partition(".")
        try:
            decoded = urlsafe_b64decode(content + "=" * (-len(content) % 4))
        except ValueError:
            return None
        if not hmac.compare_digest(mac.encode(), self.mac(decoded).encode()):
            return None
        payload: dict[str, Any] = json.loads(decoded)
        return payload if time.time() < payload["exp"] else None

    def mac(self, content: bytes) -> str:
        """Return the content's authentication code, which only a holder of the secret can compute."""
        return _encoded(hmac.digest(self._key, content, "sha256"))


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
