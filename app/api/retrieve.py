"""`POST /v1/retrieve`: the passages for a question, without an answer."""

from fastapi import APIRouter, Depends, Request

from app.api.admission import admitted
from app.api.deps import GroupsDep, ServiceDep, TenantDep
from app.api.disconnect import unless_client_leaves
from app.api.query import source
from app.api.schemas import Passages, RetrieveRequest
from app.ports import Scope
from app.rag.access import wanted_tags
from app.rag.retrieval import Question

router = APIRouter(prefix="/v1", tags=["questions"], dependencies=[Depends(admitted)])


@router.post("/retrieve")
async def retrieve(
    body: RetrieveRequest, request: Request, service: ServiceDep, tenant: TenantDep, groups: GroupsDep
) -> Passages:
    """Return the best passages of the tenant's documents, best first."""
    service.check_length(body.query)
    scope = Scope(groups=groups, tags=wanted_tags(body.filter))
    top_k = body.top_k or service.settings.top_k
    question = Question(tenant=tenant, text=body.query, top_k=top_k, scope=scope)
    run = service.pipeline.new_run()
    hits = await unless_client_leaves(request.receive, service.pipeline.retrieve(question, run))
    service.metrics.observe_stages(run.timings_ms)
    return Passages(hits=[source(hit) for hit in hits])
