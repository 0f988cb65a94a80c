"""Pydantic models of libraries, of which a service uses few."""

from collections.abc import Generator
from contextlib import contextmanager

from pydantic import BaseModel, ConfigDict


@contextmanager
def unbuilt_models() -> Generator[None, None, None]:
    """Import models in the block whose validators are made when they are first used, not by the import."""
    config = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        yield
    finally:
        BaseModel.model_config = config
