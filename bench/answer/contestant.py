"""Shared by all contestants: where the stub is, what they ask it, and the server that runs them."""

import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn

from bench.answer.stub import CANDIDATES, WANTED

KEY = "bench"
QUESTION = "How fast does the spot pool drain?"
PASSAGES = tuple(
    f"Passage {n}: the spot pool drains within thirty seconds of a notice. " * 6 for n in range(CANDIDATES)
)
EMBED = {"model": "m", "input": [QUESTION], "encoding_format": "float"}
RANK = {"model": "m", "query": {"text": QUESTION}, "passages": [{"text": text} for text in PASSAGES]}


def chat(rankings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the request for an answer from the best passages."""
    best: list[dict[str, Any]] = sorted(rankings, key=lambda ranking: -ranking["logit"])[:WANTED]
    texts = [PASSAGES[int(ranking["index"])] for ranking in best]
    prompt = "Answer from the passages.\n" + "\n".join(texts)
    return {"model": "m", "messages": [{"role": "user", "content": prompt}], "max_tokens": 64, "stream": True}


@dataclass(frozen=True)
class Upstream:
    """The stub's address."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/v1"


def upstream() -> Upstream:
    return Upstream("127.0.0.1", int(sys.argv[1]))


def run(application: Callable[[Upstream], Any]) -> None:
    """Serve the application on a free port, which is printed once it is listened on."""
    bound = socket.create_server(("127.0.0.1", 0), backlog=256)
    config = uvicorn.Config(
        application(upstream()), loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
    print(bound.getsockname()[1], flush=True)
    uvicorn.Server(config).run([bound])
