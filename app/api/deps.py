"""Dependencies of the routes: the running service, and the caller as the gate identified it."""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from app.api.problems import Problem
from app.composition import Adapters
from app.ingest.pipeline import Ingestor
from app.rag.caching import CachedAnswers, Replay, Use
from app.rag.events import Event
from app.rag.pipeline import Pipeline
from app.rag.retrieval import Question
from app.readiness import Readiness
from app.security.principal import PRINCIPAL_KEY
from app.settings import Settings
from app.telemetry.metrics import Metrics

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything that lives as long as the application."""

    settings: Settings
    adapters: Adapters
    pipeline: Pipeline
    cached: CachedAnswers | None
    ingestor: Ingestor
    readiness: Readiness
    metrics: Metrics

    def answer(self, question: Question, use: Use) -> AsyncGenerator[Event, None]:
        """Return the events of an answer, from the cache where possible."""
        return self.cached.answer(question, use) if self.cached else self.pipeline.answer(question)

    async def begin(self, question: Question, use: Use) -> Replay | AsyncGenerator[Event, None]:
        """Return the cached answer to exactly this question, or else an answer's events, which must be closed."""
        return await self.cached.begin(question, use) if self.cached else self.pipeline.answer(question)

    def changing(self, tenant: str) -> AbstractContextManager[None]:
        """Change the tenant's documents in the block: however it ends, no earlier answer is given afterwards."""
        return self.cached.changing(tenant) if self.cached else nullcontext()

    async def bounded(self, work: Awaitable[Result]) -> Result:
        """Await a call to the store within a request's time. Raises DependencyUnavailable or DependencyTimeout."""
        return await self.pipeline.new_run().limit(work, "vector_store", self.settings.request_timeout_s)

    def check_length(self, text: str) -> None:
        """Raise a Problem if the question is too long."""
        limit = self.settings.max_query_chars
        if len(text) > limit:
            raise Problem(422, f"The question has {len(text)} characters; at most {limit} are allowed.")


async def running_service(request: Request) -> Service:
    """Return the service. Raises IndexMismatch or DependencyUnavailable if its index cannot be used."""
    service: Service = request.app.state.service
    service.readiness.require_index()
    return service


async def tenant(request: Request) -> str:
    return request.scope[PRINCIPAL_KEY].tenant


async def groups(request: Request) -> frozenset[str] | None:
    return request.scope[PRINCIPAL_KEY].groups


async def cache_use(request: Request) -> Use:
    """What the request's Cache-Control header asks of the answer cache."""
    given: list[bytes] = [value for name, value in request.scope["headers"] if name == b"cache-control"]
    directives = {part.strip().lower() for part in b",".join(given).split(b",")}
    return "neither" if b"no-store" in directives else "renew" if b"no-cache" in directives else "reuse"


ServiceDep = Annotated[Service, Depends(running_service)]
TenantDep = Annotated[str, Depends(tenant)]
GroupsDep = Annotated[frozenset[str] | None, Depends(groups)]
"""The caller's access groups; None: every document of the tenant."""
UseDep = Annotated[Use, Depends(cache_use)]
