"""Small values that go out to a browser and come back unchanged, or do not count: signed, and good until a time."""

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any


class Signer:
    """Signs by HMAC-SHA256, with a key for each `purpose`: what was signed for one is worth nothing for another."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._key = hmac.digest(secret, purpose.encode(), "sha256")

    def sign(self, payload: dict[str, Any], *, for_s: int) -> str:
        """Return the payload as a text fit for a cookie, good for `for_s` seconds. Whoever holds it can read it."""
        content = json.dumps({**payload, "exp": int(time.time()) + for_s}, separators=(",", ":")).encode()
        return f"{_encoded(content)}.{self.mac(content)}"

    def read(self, text: str) -> dict[str, Any] | None:
        """Return the payload with `exp`, in seconds since the epoch; None if it was not signed here or is over."""
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
        """Return what only the holder of the secret could have made of the content."""
        return _encoded(hmac.digest(self._key, content, "sha256"))


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
