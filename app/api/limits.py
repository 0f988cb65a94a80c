"""Enforces per-tenant limits: 429 before the body is read, and headers that tell what is left.

Header fields and problem type are those of draft-ietf-httpapi-ratelimit-headers-11.
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.admission import QUESTION_PATHS
from app.api.problems import Problem
from app.ports import DependencyUnavailable, Grant, Quota, QuotaLedger
from app.rag.events import Done
from app.rag.trace import current
from app.security.principal import PRINCIPAL_KEY, Principal
from app.telemetry.metrics import Metrics

log = logging.getLogger("ragspan.limits")

WINDOW_S = 60
ASKS_A_MODEL = QUESTION_PATHS - {"/v1/retrieve"}
NO_LIMITS = Quota()
FIRST_ESTIMATE = 1000
"""Tokens that an answer is assumed to cost until this replica has seen one."""
MEMORY = 16
"""How many answers the running estimate averages over."""
LEAVE_ALONE_S = 1.0
"""How long Redis is left alone after it failed."""
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
SENTENCES = {
    "requests": "Your tenant may make {quota.requests} requests a minute",
    "tokens": "Your tenant may use {quota.tokens} tokens a minute",
    "concurrent": "Your tenant may have {quota.concurrent} questions answered at once",
}


class Ledgers:
    """Counts in Redis for all replicas, or in this replica alone while no Redis answers."""

    def __init__(self, replica: QuotaLedger, shared: QuotaLedger | None, metrics: Metrics) -> None:
        self._replica, self._shared = replica, shared
        self._checks = cache(metrics.quota_checks.labels)
        self._ask_again_at = 0.0
        self._is_away = False

    async def admit(self, tenant: str, quota: Quota, tokens: int, lease: str) -> tuple[QuotaLedger, Grant]:
        """Return the grant, and the ledger that must settle it."""
        if self._shared and time.monotonic() >= self._ask_again_at:
            try:
                grant = await self._shared.admit(tenant, quota, tokens, lease)
            except DependencyUnavailable as error:
                self._ask_again_at = time.monotonic() + LEAVE_ALONE_S
                self._note(away=str(error))
            else:
                self._note(away="")
                self._checks("shared").inc()
                return self._shared, grant
        self._checks("replica").inc()
        return self._replica, await self._replica.admit(tenant, quota, tokens, lease)

    def _note(self, *, away: str) -> None:
        """Log when counting moves to this replica alone or back, of which nothing else tells."""
        if bool(away) != self._is_away:
            self._is_away = bool(away)
            log.warning("limits are counted by %s", f"each replica alone: {away}" if away else "all replicas together")

    async def close(self) -> None:
        for ledger in (self._replica, self._shared):
            if ledger:
                await ledger.close()


@dataclass(slots=True)
class _Exchange:
    """Adds rate-limit headers to the response of one admitted request."""

    send: Send
    fields: dict[str, str]

    def send_on(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            added = [(name.encode(), value.encode()) for name, value in self.fields.items()]
            message = {**message, "headers": [*message["headers"], *added]}
        return self.send(message)


class TenantLimits:
    """ASGI middleware behind the gate: counts each request of a tenant that has limits."""

    def __init__(self, app: ASGIApp, ledgers: Ledgers, quota_of: Callable[[str], Quota], metrics: Metrics) -> None:
        self.app, self._ledgers, self._quota_of, self._limited = app, ledgers, quota_of, metrics.limited
        self._estimate, self._seen = float(FIRST_ESTIMATE), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal: Principal | None = scope.get(PRINCIPAL_KEY)
        quota = self._quota_of(principal.tenant) if principal else NO_LIMITS
        if principal is None or quota == NO_LIMITS:
            return await self.app(scope, receive, send)
        path = scope["path"]
        lease = secrets.token_hex(8) if quota.concurrent and path in QUESTION_PATHS else ""
        estimate = round(self._estimate) if path in ASKS_A_MODEL else 0
        ledger, grant = await self._ledgers.admit(principal.tenant, quota, estimate, lease)
        if grant.refused:
            self._limited.labels(grant.refused).inc()
            return await _refusal(quota, grant).response()(scope, receive, send)
        exchange = _Exchange(send, rate_limit_fields(quota, grant))
        try:
            await self.app(scope, receive, exchange.send_on)
        finally:
            reserved = min(estimate, quota.tokens)
            owed = self._cost(reserved) - reserved
            await self._settle(ledger, principal.tenant, grant, owed if quota.tokens else 0, lease)

    def _cost(self, reserved: int) -> int:
        """Return an answer's tokens; for one that broke off what was reserved, or nothing before its first word."""
        trace = current.get()
        done = trace.end if trace else None
        if not isinstance(done, Done):
            return reserved if trace and trace.has_words else 0
        cost = (done.prompt_tokens or 0) + (done.completion_tokens or 0)
        if done.cached or done.model is None:
            return cost
        if done.prompt_tokens is None and done.completion_tokens is None:
            return reserved
        self._seen += 1
        self._estimate += (cost - self._estimate) / min(self._seen, MEMORY)
        return cost

    async def _settle(self, ledger: QuotaLedger, tenant: str, grant: Grant, tokens: int, lease: str) -> None:
        if not tokens and not lease:
            return
        with suppress(DependencyUnavailable):  # the lease expires by itself
            await ledger.settle(tenant, grant, tokens, lease)


def rate_limit_fields(quota: Quota, grant: Grant) -> dict[str, str]:
    """Return `RateLimit-Policy` and `RateLimit` headers for the limits that apply."""
    left = [
        f'"{name}";r={max(limit - used, 0)};t={WINDOW_S}'
        for name, limit, used in (
            ("requests", quota.requests, grant.requests_used),
            ("tokens", quota.tokens, grant.tokens_used),
        )
        if limit
    ]
    fields = {"RateLimit-Policy": _policies(quota)}
    return {**fields, "RateLimit": ", ".join(left)} if left else fields


@lru_cache
def _policies(quota: Quota) -> str:
    policies = [
        f'"{name}";q={limit};w={WINDOW_S}'
        for name, limit in (("requests", quota.requests), ("tokens", quota.tokens))
        if limit
    ]
    if quota.concurrent:
        policies.append(f'"concurrent";q={quota.concurrent};qu="concurrent-requests"')
    return ", ".join(policies)


def _refusal(quota: Quota, grant: Grant) -> Problem:
    assert grant.refused  # noqa: S101
    sentence = SENTENCES[grant.refused].format(quota=quota)
    fields = rate_limit_fields(quota, Grant())["RateLimit-Policy"]
    headers = {"Retry-After": str(grant.wait_s), "RateLimit-Policy": fields}
    if grant.refused != "concurrent":
        headers["RateLimit"] = f'"{grant.refused}";r=0;t={grant.wait_s}'
    members = {"type": QUOTA_EXCEEDED, "violated-policies": [grant.refused]}
    return Problem(429, f"{sentence}; ask again in {grant.wait_s} s.", headers=headers, **members)
