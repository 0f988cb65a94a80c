"""What comes before the service's imports, so that it is ready sooner and has less memory."""

import gc
import sys
from importlib import import_module

from app.unbuilt_models import unbuilt_models

PYDANTIC_1 = "pydantic.v1"


def prepare_start() -> None:
    """For a process that becomes the service: app/serving/server.py ends the first of it."""
    gc.disable()  # what a start makes stays
    sys.modules.setdefault(PYDANTIC_1, None)  # pyright: ignore[reportArgumentType, reportCallIssue] - then FastAPI looks for no models of it
    with unbuilt_models():
        import_module("fastapi.openapi.models")  # of a document that few ask for
