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

from starlette.types import Scope

from app.api.problems import Problem
from app.rag import access
from app.rag.access import parse_groups
from app.security.headers import bearer_token, header
from app.security.principal import API_SCOPES, ApiScope, Principal, parse_scopes

KEY_PREFIX = "ragspan_"
KEY_BYTES = 32
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Names of keys and of tenants; Weaviate allows the same characters and length for a tenant."""

_GROUP = access.NAME.pattern
_GROUPS = rf"{_GROUP}(?:\+{_GROUP})*"
ENTRY = re.compile(rf"({NAME.pattern}):({NAME.pattern}):([0-9a-f]{{64}})(?::(?!$)({_GROUPS})?(?::([a-z+]+))?)?")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key's holder, its tenant, what it may do, and its hash."""

    name: str
    tenant: str
    sha256: str = field(repr=False)
    groups: frozenset[str] | None = None
    """The holder sees documents of these groups and documents without groups; None: every document."""
    scopes: frozenset[ApiScope] = frozenset(API_SCOPES)

    @property
    def principal(self) -> Principal:
        """Whoever sends this key."""
        return Principal(tenant=self.tenant, groups=self.groups, scopes=self.scopes)


class ApiKeys:
    """Authenticator: a key in `Authorization: Bearer` or `X-API-Key`."""

    def __init__(self, keys: tuple[ApiKey, ...]) -> None:
        self._keys = keys

    async def authenticate(self, scope: Scope) -> Principal | None:
        presented = bearer_token(scope) or header(scope, b"x-api-key")
        if not presented:
            return None
        if key := find_key(self._keys, presented):
            return key.principal
        detail = "The API key is not known here. Send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."
        raise Problem(401, detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def new_key() -> str:
    """Return a fresh key with 256 bits of entropy."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def key_entry(name: str, tenant: str, key: str, groups: Sequence[str] = (), scopes: Sequence[ApiScope] = ()) -> str:
    """Return the key's entry for RAGSPAN_API_KEYS; without `scopes` it may do everything. Raises ValueError."""
    require_name("name", name)
    require_name("tenant", tenant)
    limits = ["+".join(parse_groups(groups)), "+".join(sorted(set(scopes)))]
    return ":".join([name, tenant, hash_key(key), *limits]).rstrip(":")


def require_name(what: str, value: str) -> None:
    """Raise ValueError for a name of a key or tenant, as `what` says, that none can have."""
    if not NAME.fullmatch(value):
        raise ValueError(
            f"the {what} {value!r} is not allowed; use up to 64 letters, digits, '-' and '_', "
            "and begin with a letter or digit"
        )


def parse_api_keys(entries: str) -> tuple[ApiKey, ...]:
    """Parse entries `name:tenant:sha256[:groups[:scopes]]`, separated by white space or commas.

    Groups and scopes are joined by `+`; missing or empty ones limit nothing. Errors never show a hash or a key.
    """
    keys: list[ApiKey] = []
    for position, entry in enumerate(re.findall(r"[^\s,]+", entries), start=1):
        form = ENTRY.fullmatch(entry)
        if not form:
            raise ValueError(
                f"entry {position} is not name:tenant:sha256, with :group+group and :scope+scope after it where wanted "
                "and 64 lower-case hexadecimal digits; `ragspan key NAME` prints such an entry"
            )
        name, tenant, sha256, groups, scopes = form.groups()
        if any(name == other.name for other in keys):
            raise ValueError(f"two entries have the name {name}; give each key its own")
        limits = frozenset(parse_groups(groups.split("+"))) if groups else None
        keys.append(ApiKey(name, tenant, sha256, limits, parse_scopes(scopes) if scopes else frozenset(API_SCOPES)))
    return tuple(keys)


def find_key(keys: tuple[ApiKey, ...], presented: str) -> ApiKey | None:
    """Return the key that was presented. Compares with every entry, each time in constant time."""
    sha256 = hash_key(presented)
    found = [key for key in keys if hmac.compare_digest(key.sha256, sha256)]
    return found[0] if found else None
