"""Clients of servers on asyncio's own loop, as their makers test them."""

from collections.abc import AsyncGenerator

import pytest


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def one_loop(anyio_backend: str) -> AsyncGenerator[str]:
    """Keep one loop for the whole module: gRPC tells of the end of a call where it began, also after its test."""
    yield anyio_backend  # noqa: PT022 - the loop is kept until this fixture is over
