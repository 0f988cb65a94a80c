"""API keys: made here, shown once, kept as a SHA-256 only.

A key is 32 random bytes, so there is nothing to guess from its hash and no slow hash is needed; see
docs/decisions/api-keys-are-hashed-with-sha256.md.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.rag import access
from app.rag.access import parse_groups

KEY_PREFIX = "ragspan_"
KEY_BYTES = 32
DEFAULT_TENANT = "default"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Names of keys and tenants; Weaviate allows the same letters and length for a tenant."""

_GROUP = access.NAME.pattern
ENTRY = re.compile(rf"({NAME.pattern}):({NAME.pattern}):([0-9a-f]{{64}})(?::({_GROUP}(?:\+{_GROUP})*))?")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who holds a key, which tenant it opens, and the hash of it."""

    name: str
    tenant: str
    sha256: str = field(repr=False)
    groups: frozenset[str] | None = None
    """Its holder sees documents of these groups and those that are open to the tenant; None: every document."""


def new_key() -> str:
    """Return a fresh key with 256 bits of entropy."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def key_entry(name: str, tenant: str, key: str, groups: Sequence[str] = ()) -> str:
    """Return what RAGSPAN_API_KEYS holds for a key. Raises ValueError for a name or group that is not allowed."""
    for what, value in (("name", name), ("tenant", tenant)):
        if not NAME.fullmatch(value):
            raise ValueError(
                f"the {what} {value!r} is not allowed; use up to 64 letters, digits, '-' and '_', "
                "and begin with a letter or digit"
            )
    entry = f"{name}:{tenant}:{hash_key(key)}"
    return f"{entry}:{'+'.join(parse_groups(groups))}" if groups else entry


def parse_api_keys(entries: str) -> tuple[ApiKey, ...]:
    """Parse entries `name:tenant:sha256` or `name:tenant:sha256:group+group`, separated by white space or commas.

    Errors never show a hash or a key.
    """
    keys: list[ApiKey] = []
    for position, entry in enumerate(re.findall(r"[^\s,]+", entries), start=1):
        form = ENTRY.fullmatch(entry)
        if not form:
            raise ValueError(
                f"entry {position} is not name:tenant:sha256 or name:tenant:sha256:group+group, with 64 lower-case "
                "hexadecimal digits; `ragspan key NAME` prints such an entry"
            )
        name, tenant, sha256, groups = form.groups()
        if any(name == other.name for other in keys):
            raise ValueError(f"two entries have the name {name}; give each key its own")
        keys.append(ApiKey(name, tenant, sha256, frozenset(parse_groups(groups.split("+"))) if groups else None))
    return tuple(keys)


def find_key(keys: tuple[ApiKey, ...], presented: str) -> ApiKey | None:
    """Return the key that was presented. Compares with every entry, each in constant time."""
    sha256 = hash_key(presented)
    found = [key for key in keys if hmac.compare_digest(key.sha256, sha256)]
    return found[0] if found else None
