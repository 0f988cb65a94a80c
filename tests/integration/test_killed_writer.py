"""A writer killed with SIGKILL at any point leaves the old version or the new one, and a later run completes."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.adapters.data_folder import DataFolder
from app.adapters.embedded_store import EmbeddedStore
from app.adapters.wordllama import WordLlamaEmbedder
from app.ingest.document import SourceFile
from app.ingest.identity import index_identity
from app.ingest.pipeline import Ingestor

pytestmark = pytest.mark.anyio
EMBEDDER = WordLlamaEmbedder()
PASSAGES = 40
WRITER = """
import asyncio, sys
from pathlib import Path
from app.adapters.data_folder import DataFolder
from app.adapters.embedded_store import EmbeddedStore
from app.ingest.identity import index_identity
from app.ingest.pipeline import Ingestor
from tests.integration.test_killed_writer import EMBEDDER, version

class Store(EmbeddedStore):
    async def publish(self, *args):
        print("staged", flush=True)
        if HANG:
            await asyncio.sleep(60)
        await super().publish(*args)

async def main(folder):
    with DataFolder.acquire(folder, None):
        store = Store(folder)
        await store.open(index_identity(EMBEDDER))
        for n in range(FIRST, 1000):
            await Ingestor(store, EMBEDDER).ingest("acme", version(n))

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def version(n: int) -> SourceFile:
    text = "\n\n".join(f"# Part {part}\n\nThis is version {n} of the apple book." for part in range(PASSAGES))
    return SourceFile(name="book.md", content=text.encode(), source_uri="upload:///book.md", revision=n + 1)


@contextmanager
def writer(folder: Path, *, first: int, hang: bool) -> Generator[subprocess.Popen[bytes]]:
    code = f"HANG = {hang}\nFIRST = {first}\n{WRITER}"
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_stages(process: subprocess.Popen[bytes], count: int) -> None:
    assert process.stdout
    for _ in range(count):
        assert process.stdout.readline() == b"staged\n"


async def versions_seen(store: EmbeddedStore) -> set[str]:
    hits = await store.search("acme", "apple book", await EMBEDDER.embed_query("apple book"), 100)
    assert len(hits) in {0, PASSAGES}
    return {hit.chunk.text.split("version ")[1].split()[0] for hit in hits}


async def test_killed_between_stage_and_publish_the_old_version_stays_and_a_rerun_completes(tmp_path: Path) -> None:
    first = EmbeddedStore(tmp_path)
    await first.open(index_identity(EMBEDDER))
    await Ingestor(first, EMBEDDER).ingest("acme", version(0))
    await first.close()
    with writer(tmp_path, first=1, hang=True) as process:
        wait_for_stages(process, 1)
    with DataFolder.acquire(tmp_path, None):
        store = EmbeddedStore(tmp_path)
        await store.open(index_identity(EMBEDDER))
        assert await versions_seen(store) == {"0"}
        assert (await Ingestor(store, EMBEDDER).ingest("acme", version(1))).status == "updated"
        assert await versions_seen(store) == {"1"}
        await store.close()


@pytest.mark.parametrize("stages", [1, 2, 5, 9])
async def test_killed_while_it_writes_exactly_one_version_is_there(tmp_path: Path, stages: int) -> None:
    with writer(tmp_path, first=0, hang=False) as process:
        wait_for_stages(process, stages)
    store = EmbeddedStore(tmp_path)
    await store.open(index_identity(EMBEDDER))
    seen = await versions_seen(store)
    assert len(seen) == 1 or (stages == 1 and not seen)
    await Ingestor(store, EMBEDDER).ingest("acme", version(2000))
    assert await versions_seen(store) == {"2000"}
    await store.close()
