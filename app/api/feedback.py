"""`POST /v1/feedback`: records whether an answer helped, in a metric and, with the answer's id, in the log."""

import logging

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.schemas import FeedbackRequest
from app.telemetry.metrics import Metrics

log = logging.getLogger("ragspan.feedback")

router = APIRouter(prefix="/v1", tags=["questions"])


@router.post("/feedback", status_code=204)
async def feedback(body: FeedbackRequest, request: Request) -> Response:
    """Take a rating. Answers are not kept, so any id is taken; whoever counts joins them by the log."""
    metrics: Metrics = request.app.state.metrics
    metrics.feedback.labels(body.rating).inc()
    log.info("answer rated", extra={"answer_id": str(body.answer_id), "rating": body.rating})
    return Response(status_code=204)
