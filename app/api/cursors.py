"""Cursors: positions in a list of the store, as clients carry them.

Each has a checksum for its tenant, so that one which was cut or mistyped, or is another tenant's, is refused and not
taken for some other place. It is no signature: whoever makes one up gets a page of their own documents, or is refused.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from app.ports import UnknownPosition

CHECKSUM_BYTES = 6
BAD_CURSOR = "it is none that this service gave you; send next_cursor as it came, or begin again without"


def cursor_of(tenant: str, position: str) -> str:
    """Return a text fit for an address."""
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
