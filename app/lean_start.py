"""Prepares a process before the service's imports, so that it is ready sooner and uses less memory."""

import ctypes
import gc
import sys
from importlib import import_module

from app.unbuilt_models import unbuilt_models

PYDANTIC_1 = "pydantic.v1"
M_ARENA_MAX = -8
"""Of glibc's malloc.h, which no other C library has: https://man7.org/linux/man-pages/man3/mallopt.3.html"""


def prepare_start() -> None:
    """Call it first in a process that becomes the service; app/serving/server.py turns garbage collection on again."""
    _use_one_arena()
    gc.disable()  # objects made while starting stay alive
    sys.modules.setdefault(PYDANTIC_1, None)  # pyright: ignore[reportArgumentType, reportCallIssue] - then FastAPI looks for no models of it
    with unbuilt_models():
        import_module("fastapi.openapi.models")  # models of the OpenAPI document, which few ask for


def _use_one_arena() -> None:
    """Let all threads allocate from one arena. glibc gives a thread one of its own, which spares it waiting for a lock
    that the interpreter's own lock already makes rare, and costs memory: 4 MiB of what the service takes, and a slow
    growth for as long as the arenas find their sizes.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_ARENA_MAX, 1)
