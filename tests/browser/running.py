"""What the browser meets: the real service, started as its command, and a model whose answers a test writes."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.support.openai_server import ChatScript, OpenAiServer

HANDBOOK = {
    "restore.md": "# Restoring a backup\n\nA restore goes into a fresh cluster with the same number of nodes. "
    "The restore drill compares the object counts before it switches the alias.\n",
    "spot.md": "# Spot capacity\n\nSpot nodes are given back with thirty seconds of notice. "
    "A batch job on spot nodes must be able to start again.\n",
}


@contextmanager
def running_service(data_dir: Path, **settings: str) -> Generator[str, None, None]:
    """Run `ragspan serve` on a free port with `settings` as its RAGSPAN_ variables. Yields its address."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAGSPAN_")}
    environment = inherited | {"RAGSPAN_DATA_DIR": str(data_dir / "index"), "RAGSPAN_PORT": "0", **settings}
    command = [str(Path(sys.executable).with_name("ragspan")), "serve"]
    with (data_dir / "serve.log").open("w+") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout
            greeting = process.stdout.readline()
            address = re.search(r"http://\S+", greeting)
            log.seek(0)
            assert address, f"ragspan serve did not start: {greeting}{log.read()}"
            yield address.group()
        finally:
            process.terminate()
            process.communicate(timeout=30)


@dataclass(frozen=True)
class ScriptedModel:
    """An OpenAI-compatible model in a thread of its own."""

    server: OpenAiServer
    portal: BlockingPortal

    def writes(self, *pieces: str, finish_reason: str | None = "stop", stall_after: int | None = None) -> None:
        """Set what it answers from now on; see ChatScript."""
        script = ChatScript(pieces=pieces, finish_reason=finish_reason, stall_after=stall_after)

        async def write() -> None:
            self.server.resume.clear()
            self.server.client_left.clear()
            self.server.chat = script

        self.portal.call(write)

    def resume(self) -> None:
        """Go on where it stalled."""

        async def resume() -> None:
            self.server.resume.set()

        self.portal.call(resume)

    def wait_until_client_leaves(self) -> None:
        """Return when a client has left in the middle of an answer. Raises TimeoutError if none does within 5 s."""

        async def client_left() -> None:
            async with asyncio.timeout(5):
                await self.server.client_left.wait()

        self.portal.call(client_left)


@contextmanager
def scripted_model() -> Generator[ScriptedModel, None, None]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(OpenAiServer()) as server:
        yield ScriptedModel(server, portal)


def answered_by(model_url: str) -> dict[str, str]:
    """Settings with which the model at this address writes the answers."""
    chat = {"RAGSPAN_GENERATOR": "openai", "RAGSPAN_GENERATOR_MODEL": "scripted"}
    return chat | {"RAGSPAN_GENERATOR_URL": model_url}


def add_document(address: str, name: str, text: str) -> None:
    httpx.post(f"{address}/v1/documents", files={"file": (name, text.encode())}, timeout=30).raise_for_status()


def titles(address: str) -> list[str]:
    """Titles of the documents that the service holds."""
    return [document["title"] for document in httpx.get(f"{address}/v1/documents", timeout=30).json()["documents"]]
