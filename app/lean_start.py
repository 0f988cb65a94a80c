"""Prepares a process before the service's imports, so that it is ready sooner and uses less memory."""

import gc
import sys
from importlib import import_module

from app.unbuilt_models import unbuilt_models

PYDANTIC_1 = "pydantic.v1"


def prepare_start() -> None:
    """Call it first in a process that becomes the service; app/serving/server.py turns garbage collection on again."""
    gc.disable()  # objects made while starting stay alive
    sys.modules.setdefault(PYDANTIC_1, None)  # pyright: ignore[reportArgumentType, reportCallIssue] - then FastAPI looks for no models of it
    with unbuilt_models():
        import_module("fastapi.openapi.models")  # models of the OpenAPI document, which few ask for
