"""Speeds up importing libraries that define many pydantic models, of which the service uses few."""

from collections.abc import Generator
from contextlib import contextmanager

from pydantic import BaseModel, ConfigDict


@contextmanager
def unbuilt_models() -> Generator[None, None, None]:
    """Import models in the block: their validators are built when first used instead of at import."""
    config = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        yield
    finally:
        BaseModel.model_config = config
