"""Imports Weaviate's client without parts that we do not use: OAuth clients with cryptography, and a command line.

We sign in with an API key. These parts are a third of the client's memory and import time.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType

OAUTH_CLIENTS = "authlib.integrations.httpx_client"
HTTPX_COMMAND = "httpx._main"


@contextmanager
def api_keys_alone() -> Generator[None, None, None]:
    """Import Weaviate's client in the block. Later imports of the skipped parts get the real modules."""
    left_out: dict[str, ModuleType | None] = {OAUTH_CLIENTS: _Unused(OAUTH_CLIENTS), HTTPX_COMMAND: None}
    added = {name: module for name, module in left_out.items() if name not in sys.modules}
    sys.modules.update(added)  # pyright: ignore[reportArgumentType, reportCallIssue] - None: import it is an ImportError
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


class _Unused(ModuleType):
    """Has a class of any name, without instances."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})
