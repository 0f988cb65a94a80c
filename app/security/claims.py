"""Who a verified token stands for: tenant, access groups and scopes, each read from one configured claim."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from app.api.problems import Problem
from app.rag import access
from app.security.api_keys import NAME
from app.security.principal import API_SCOPES, Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNames:
    """Names of the claims. Without a `groups` claim, every holder sees every document of the tenant."""

    tenant: str
    scopes: str
    groups: str | None = None


def principal_of(claims: Mapping[str, Any], names: ClaimNames) -> Principal:
    """Return the token's principal. Raises a Problem (403) if it names no tenant or too many groups."""
    tenant = claims.get(names.tenant)
    if not isinstance(tenant, str) or not NAME.fullmatch(tenant):
        detail = f"Your token says no tenant that can be used here: its claim {names.tenant} is not a tenant's name."
        raise Problem(403, detail, headers={"WWW-Authenticate": "Bearer"})
    scopes = words(claims.get(names.scopes))
    return Principal(
        tenant=tenant,
        groups=None if names.groups is None else _groups(claims.get(names.groups), names.groups),
        scopes=frozenset(scope for scope in API_SCOPES if scope in scopes),
    )


def words(claim: object) -> frozenset[str]:
    """Return the words of a claim: a list of texts, or one text separated by blanks (RFC 8693, section 4.2)."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    values = cast("list[object]", claim) if isinstance(claim, list) else []
    return frozenset(value for value in values if isinstance(value, str))


def _groups(claim: object, name: str) -> frozenset[str]:
    """Return the claim's groups, without those that no document could have because of their form."""
    groups = frozenset(group for group in words(claim) if access.NAME.fullmatch(group))
    if len(groups) > access.MAX_GROUPS:
        detail = (
            f"Your token's claim {name} has {len(groups)} groups; at most {access.MAX_GROUPS} are allowed. "
            "Let the issuer send those that documents here belong to."
        )
        raise Problem(403, detail, headers={"WWW-Authenticate": "Bearer"})
    return groups
