"""What a service with remote models imports: what it never uses would cost each replica memory and time to be ready."""

import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models

NOBODY = "http://127.0.0.1:9"
SERVES = """
import asyncio, sys
from app.lean_start import prepare_start
prepare_start()
import app.cli, app.serving.server
from app.main import create_app
from app.settings import load_settings

async def start():
    app = create_app(load_settings())
    async with app.router.lifespan_context(app):
        pass

asyncio.run(start())
print(*sys.modules)
"""
ALLOCATES = """
import ctypes
from concurrent.futures import ThreadPoolExecutor
from app.lean_start import prepare_start
prepare_start()
with ThreadPoolExecutor(8) as threads:
    list(threads.map(bytearray, [10_000] * 64))
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
output = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, output)
libc.fflush(output)
"""
OF_OTHERS = {
    "parsers of documents": {"pypdf", "docx", "selectolax", "markdown_it"},
    "cutting documents": {"tokenizers"},
    "embedded models and stores": {"wordllama", "sqlite3", "safetensors"},
    "stores not chosen": {"psycopg", "qdrant_client", "pymilvus", "pandas"},
    "OpenID Connect": {"joserfc", "cryptography", "authlib.integrations.httpx_client"},
    "SDK of traces": {"opentelemetry.sdk", "google.protobuf", "requests"},
    "Pydantic 1": {"pydantic.v1.main"},
    "a terminal's": {"rich", "pygments"},
    "HTTP clients": {"aiohttp", "httpx", "httpx2", "requests", "urllib3"},
    "infrastructure and operation": {"pulumi", "infra", "ops", "policies", "yaml"},
}
WEAVIATE = {"weaviate", "httpx", "google.protobuf", "grpc"}


def imported(folder: Path, **more: str) -> set[str]:
    """Return the modules of a service that has started, its models and its store away."""
    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    settings = {
        "EMBEDDER": "openai", "EMBEDDER_URL": NOBODY, "EMBEDDER_MODEL": "m", "EMBEDDER_DIMENSIONS": "8",
        "EMBEDDER_MAX_TOKENS": "512", "EMBEDDER_TOKENIZER_FILE": str(folder / "tokenizer.json"),
        "RERANKER": "nim", "RERANKER_URL": NOBODY, "RERANKER_MODEL": "m",
        "GENERATOR": "openai", "GENERATOR_URL": NOBODY, "GENERATOR_MODEL": "m",
        "CACHE": "redis", "REDIS_URL": "redis://127.0.0.1:9",
        "OTLP_ENDPOINT": NOBODY, **more,
    }  # fmt: skip
    environment = {f"RAGSPAN_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-c", SERVES]
    ran = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    ("store", "needed"),
    [
        ({"VECTOR_STORE": "pinecone", "PINECONE_URL": "https://127.0.0.1:9", "PINECONE_API_KEY": "k"}, set[str]()),
        ({"VECTOR_STORE": "weaviate", "WEAVIATE_URL": NOBODY}, WEAVIATE),
    ],
    ids=["pinecone", "weaviate"],
)
def test_nothing_is_imported_that_the_settings_did_not_choose(
    tmp_path: Path, store: dict[str, str], needed: set[str]
) -> None:
    modules = imported(tmp_path, **store)
    assert needed <= modules
    assert {whose: found for whose, names in OF_OTHERS.items() if (found := (names & modules) - needed)} == {}


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is Linux's")
def test_threads_share_one_arena_of_memory() -> None:
    ran = subprocess.run([sys.executable, "-c", ALLOCATES], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout.count("<heap nr=") == 1
