"""Cursors: positions in a store's listing, in the form that clients carry.

Each has a checksum over its tenant and position, so that a truncated, mistyped or another tenant's cursor is refused
instead of pointing somewhere else. It is no signature: a forged cursor leads to its maker's own documents or is
refused.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from app.ports import UnknownPosition

CHECKSUM_BYTES = 6
BAD_CURSOR = "it is none that this service gave you; send next_cursor as it came, or begin again without"


def cursor_of(tenant: str, position: str) -> str:
    """Return the position as URL-safe text."""
    checksum = sha256(f"{tenant}\0{position}".encode()).digest()[:CHECKSUM_BYTES]
    return urlsafe_b64encode(checksum + position.encode()).rstrip(b"=").decode()


def read_cursor(tenant: str, cursor: str) -> str:
    """Return the position. Raises UnknownPosition."""
    try:
        position = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))[CHECKSUM_BYTES:].decode()
    except ValueError:
        raise UnknownPosition("the cursor is no text in base64") from None
    if cursor_of(tenant, position) != cursor or not position.isprintable():
        raise UnknownPosition("the cursor's checksum is wrong")
    return position
