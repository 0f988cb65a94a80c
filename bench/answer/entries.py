"""The contestants. Ours and the hand-written ones use the project's environment, each framework has its own."""

import os
from dataclasses import dataclass
from pathlib import Path

from bench.answer.load import CHAT, CHUNKS, QUERY, Dialect
from bench.answer.report import ADAPTER, FLOOR, HOLDING, TIMED

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ragspan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A contestant: its module, the modules of the servers it needs beside the models, what it does, and how it is
    asked.

    A framework has an `environment`, the name of its lock in requirements/ and of its folder in the cache.
    """

    module: str
    beside: tuple[str, ...] = ()
    does: str
    dialect: Dialect = QUERY
    environment: str = ""

    def python(self) -> Path:
        """Return the interpreter of the framework's environment, whether it is there or not."""
        return CACHE / self.environment / "bin" / "python"

    def is_installed(self) -> bool:
        """Whether the environment holds what the lock pins: `tools/bench_peers` copies the lock there at its end."""
        lock = Path("requirements", f"{self.environment}.txt")
        copy = CACHE / self.environment / "requirements.txt"
        return copy.is_file() and copy.read_bytes() == (ROOT / lock).read_bytes()


OURS = {
    FLOOR: Entry(module="bench.answer.floor", does="nothing but pass tokens on"),
    TIMED: Entry(
        module="bench.answer.ours_started",
        does="key, limits, deadlines, breakers, guard, verdict, metrics, logs, traces",
    ),
    ADAPTER: Entry(
        module="bench.answer.ours_started",
        beside=("bench.answer.weaviate_stub",),
        does="the same, with the shipped adapter",
    ),
    HOLDING: Entry(
        module="bench.answer.ours_holding", does="the same as ragspan, but no token leaves before the verdict"
    ),
    "FastAPI + aiohttp": Entry(module="bench.answer.with_aiohttp", does="a key, four metrics"),
    "FastAPI + httpx": Entry(module="bench.answer.with_httpx", does="none of it"),
}
PEERS = {
    "LangGraph + FastAPI": Entry(
        module="bench.answer.peers.with_langgraph", does="none of it", environment="bench-langgraph"
    ),
    "LlamaIndex + FastAPI": Entry(
        module="bench.answer.peers.with_llamaindex", does="none of it", environment="bench-llamaindex"
    ),
    "Haystack + Hayhooks": Entry(
        module="bench.answer.peers.with_haystack", does="Hayhooks' traces, kept in memory", dialect=CHAT,
        environment="bench-haystack",
    ),
    "nvidia-rag, library": Entry(
        module="bench.answer.peers.with_nvidia_rag", does="citations, latencies", dialect=CHUNKS,
        environment="bench-nvidia-rag",
    ),
}  # fmt: skip
HOW_TO_GET_PEERS = "tools/bench_peers installs frameworks, 2 GB, and --peers measures them too."


def entries(named: list[str], *, peers: bool) -> tuple[dict[str, Entry], list[str]]:
    """Return the contestants by name, and the frameworks that are left out as they are not installed as their locks
    say.

    `named` are parts of names; if empty, all take part.
    """
    wanted = {
        name: entry
        for name, entry in (OURS | PEERS if peers else OURS).items()
        if not named or any(word in name for word in named)
    }
    missing = [name for name, entry in wanted.items() if entry.environment and not entry.is_installed()]
    return {name: entry for name, entry in wanted.items() if name not in missing}, missing
