"""Per-tenant limits, so that no tenant takes the service away from the others."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from app.ports import Quota
from app.security.api_keys import NAME

ENTRY = re.compile(rf"({NAME.pattern}):([0-9]{{1,9}}):([0-9]{{1,9}}):([0-9]{{1,9}})")


def _quotas(value: object) -> object:
    """Parse entries `tenant:requests:tokens:concurrent`, separated by white space or commas."""
    if not isinstance(value, str):
        return value
    quotas: dict[str, Quota] = {}
    for entry in re.findall(r"[^\s,]+", value):
        form = ENTRY.fullmatch(entry)
        if not form:
            raise ValueError(f"{entry[:80]!r} is not tenant:requests:tokens:concurrent, such as acme:600:100000:8")
        tenant, requests, tokens, concurrent = form.groups()
        if tenant in quotas:
            raise ValueError(f"two entries are for the tenant {tenant}; leave one")
        quotas[tenant] = Quota(requests=int(requests), tokens=int(tokens), concurrent=int(concurrent))
    return quotas


class LimitSettings(BaseSettings):
    """Limits for every tenant, and for tenants with their own. Shared by all replicas through RAGSPAN_REDIS_URL."""

    tenant_requests_per_minute: int = Field(
        default=0, ge=0, le=10**9, description="Maximum requests of one tenant in any minute; 0: unlimited."
    )
    tenant_tokens_per_minute: int = Field(
        default=0,
        ge=0,
        le=10**9,
        description="Maximum tokens of one tenant's answers and prompts in any minute; 0: unlimited.",
    )
    tenant_concurrent_questions: int = Field(
        default=0,
        ge=0,
        le=10**9,
        description="Maximum questions of one tenant that are answered at once; 0: unlimited.",
    )
    tenant_quotas: Annotated[Mapping[str, Quota], NoDecode, BeforeValidator(_quotas)] = Field(
        default={},
        description="Tenants with limits of their own, comma-separated: `tenant:requests:tokens:concurrent`.",
    )

    max_refusals_per_minute: int = Field(
        default=300,
        ge=0,
        le=10**6,
        description="Requests without valid credentials in a minute that one address gets 401 for, then 429; 0: any.",
    )

    @property
    def limits_tenants(self) -> bool:
        """Whether any tenant has a limit."""
        return self.quota_of("") != Quota() or bool(self.tenant_quotas)

    def quota_of(self, tenant: str) -> Quota:
        return self.tenant_quotas.get(tenant) or Quota(
            requests=self.tenant_requests_per_minute,
            tokens=self.tenant_tokens_per_minute,
            concurrent=self.tenant_concurrent_questions,
        )
