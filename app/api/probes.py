"""`/healthz`, `/readyz` and `/metrics`, for the platform. They answer from memory and wait for nothing."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from app.readiness import Readiness
from app.telemetry.metrics import Metrics

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer 200 while the process is alive."""
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Answer 503 before the start is complete, on an index of another identity, and while draining; else 200.

    A dependency that is away is named in `degraded` and keeps the 200: a replica that still does something useful
    must not be taken away.
    """
    readiness: Readiness = request.app.state.readiness
    body = {"status": readiness.phase, "degraded": readiness.degraded}
    return JSONResponse(body, 200 if readiness.phase == "ready" else 503)


@router.get("/metrics")
async def exposition(request: Request) -> Response:
    """Metrics in the Prometheus text format, or as OpenMetrics."""
    metrics: Metrics = request.app.state.metrics
    content, media_type = metrics.render(request.headers.get("accept", ""))
    return Response(content, headers={"Content-Type": media_type})
