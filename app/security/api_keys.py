"""API keys: made here, shown once, kept as a SHA-256 only.

A key is 32 random bytes, so there is nothing to guess from its hash and no slow hash is needed; see
docs/decisions/api-keys-are-hashed-with-sha256.md.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

KEY_PREFIX = "ragspan_"
KEY_BYTES = 32
DEFAULT_TENANT = "default"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Names of keys and tenants; Weaviate allows the same letters and length for a tenant."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who holds a key, which tenant it opens, and the hash of it."""

    name: str
    tenant: str
    sha256: str = field(repr=False)


def new_key() -> str:
    """Return a fresh key with 256 bits of entropy."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def key_entry(name: str, tenant: str, key: str) -> str:
    """Return what RAGSPAN_API_KEYS holds for a key. Raises ValueError for a name or tenant that is not allowed."""
    for what, value in (("name", name), ("tenant", tenant)):
        if not NAME.fullmatch(value):
            raise ValueError(
                f"the {what} {value!r} is not allowed; use up to 64 letters, digits, '-' and '_', "
                "and begin with a letter or digit"
            )
    return f"{name}:{tenant}:{hash_key(key)}"


def parse_api_keys(entries: str) -> tuple[ApiKey, ...]:
    """Parse entries `name:tenant:sha256`, separated by white space or commas. Errors never show a hash or a key."""
    keys: list[ApiKey] = []
    for position, entry in enumerate(re.findall(r"[^\s,]+", entries), start=1):
        name, tenant, sha256 = (*entry.split(":"), "", "", "")[:3]
        well_formed = entry.count(":") == 2 and NAME.fullmatch(name) and NAME.fullmatch(tenant)  # noqa: PLR2004
        if not well_formed or not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise ValueError(
                f"entry {position} is not name:tenant:sha256 with 64 lower-case hexadecimal digits; "
                "`ragspan key NAME` prints such an entry"
            )
        if any(name == other.name for other in keys):
            raise ValueError(f"two entries have the name {name}; give each key its own")
        keys.append(ApiKey(name, tenant, sha256))
    return tuple(keys)


def find_key(keys: tuple[ApiKey, ...], presented: str) -> ApiKey | None:
    """Return the key that was presented. Compares with every entry, each in constant time."""
    sha256 = hash_key(presented)
    found = [key for key in keys if hmac.compare_digest(key.sha256, sha256)]
    return found[0] if found else None
