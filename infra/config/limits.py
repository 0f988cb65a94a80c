"""How much each tenant may use of the answer service. Replicas count together where `cache` is a server they share."""

from typing import Annotated, TypeAlias

from pydantic import Field, StringConstraints

from infra.config.section import FlipsTo, Section

Limit: TypeAlias = Annotated[int, Field(ge=0, le=10**9)]
Entry: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}(:[0-9]{1,9}){3}$")]


class Limits(Section):
    """Of every tenant, and of those that have their own. 0: as much as it likes."""

    requests_per_minute: Annotated[Limit, FlipsTo(777)] = 0
    """Requests in any minute."""
    tokens_per_minute: Annotated[Limit, FlipsTo(7777)] = 0
    """Tokens of answers and prompts in any minute."""
    concurrent_questions: Annotated[Limit, FlipsTo(7)] = 0
    """Questions that are answered at once."""
    quotas: Annotated[tuple[Entry, ...], FlipsTo(("acme:600:100000:8",))] = ()
    """Tenants with limits of their own, `tenant:requests:tokens:concurrent`."""
    refusals_per_minute: Annotated[int, Field(ge=0, le=10**6), FlipsTo(77)] = 300
    """Requests without valid credentials that one address gets 401 for in a minute, in each replica; then 429."""
