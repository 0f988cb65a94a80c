"""What a test does with the running pods of a stack: ask, add documents, look into Weaviate."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.support.pods.cluster import Cluster
from tests.support.pods.environment import Secrets

ANSWER_TIMEOUT_S = 30
POLL_S = 0.5
REPLICAS = frozenset({"weaviate-0", "weaviate-1", "weaviate-2"})
SERVERS = ("rag-api-0", "rag-api-1", "rag-api-2")
CHUNKS, TENANT = "RagspanChunk", "n-default"
"""As the answer service names them in Weaviate."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """The stack's pods, the Secrets they were given, and a key of the answer service."""

    cluster: Cluster
    secrets: Secrets = field(repr=False)
    key: str = field(repr=False)
    folder: Path

    def ask(self, question: str, *, anew: bool = True) -> dict[str, Any]:
        """Ask the answer service through its Service. Raises HTTPError, URLError or TimeoutError.

        Unless `anew`, an answer that is kept from before will do, which says nothing of what runs now.
        """
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        if anew:
            headers["Cache-Control"] = "no-cache"
        body = json.dumps({"query": question, "stream": False}).encode()
        request = Request(f"{self.cluster.urls['rag-api']}/v1/query", body, headers)
        with urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
            return json.load(answer)

    def passages(self, question: str) -> list[str]:
        """The texts that an answer rests on, best first."""
        return [source["text"] for source in self.ask(question)["sources"]]

    @contextmanager
    def being_asked(self, question: str, passage: str) -> Generator[list[str]]:
        """Ask without a pause while the block runs, and again after it; gives what was wrong with any answer."""
        wrong, over = list[str](), threading.Event()

        def ask_on() -> None:
            while not over.is_set():
                try:
                    found = self.passages(question)
                    wrong.extend([] if passage in found else [f"found {found}"])
                except HTTPError as refusal:
                    with refusal:
                        wrong.append(refusal.read().decode())
                except OSError as error:
                    wrong.append(repr(error))

        asker = threading.Thread(target=ask_on)
        asker.start()
        try:
            yield wrong
        finally:
            over.set()
            asker.join()

    def add(self, name: str, text: str) -> None:
        """Add a document with the command that a person would use."""
        document, key_file = self.folder / name, self.folder / "key"
        document.write_text(text)
        key_file.write_text(self.key)
        ragspan = Path(sys.executable).with_name("ragspan")
        server = ("--server", self.cluster.urls["rag-api"], "--api-key-file", str(key_file))
        added = subprocess.run([ragspan, "ingest", *server, str(document)], check=False, capture_output=True, text=True)
        assert added.returncode == 0, added.stdout + added.stderr

    def degraded(self, server: str) -> list[str]:
        """The dependencies that one replica of the answer service misses."""
        with urlopen(f"{self.cluster.urls[server]}/readyz", timeout=ANSWER_TIMEOUT_S) as answer:
            return json.load(answer)["degraded"]

    def weaviate(self, replica: str, path: str) -> Any:
        """Ask the API of one replica of Weaviate, with its key. Raises HTTPError or URLError."""
        key = self.secrets["weaviate"]["api-key"]
        request = Request(f"{self.cluster.urls[replica]}{path}", headers={"Authorization": f"Bearer {key}"})
        with urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
            return json.load(answer)

    def all_are_members(self) -> bool:
        """Whether each replica of Weaviate counts all of them as healthy."""
        seen: list[list[dict[str, str]]] = [self.weaviate(replica, "/v1/nodes")["nodes"] for replica in REPLICAS]
        return all({node["name"] for node in nodes if node["status"] == "HEALTHY"} >= REPLICAS for nodes in seen)

    def leader(self, said_by: str) -> str:
        """The replica that leads the RAFT cluster, as one of them has it; empty where it knows none."""
        replicas = self.weaviate(said_by, "/v1/cluster/statistics")["statistics"]
        return next((replica["leaderId"] for replica in replicas if replica["name"] == said_by), "")

    def chunk(self, replica: str, text: str) -> str:
        """The id of the one chunk with this text."""
        found = self.weaviate(replica, f"/v1/objects?class={CHUNKS}&tenant={TENANT}")["objects"]
        (chunk,) = [item["id"] for item in found if text in item["properties"]["text"]]
        return chunk

    def holds(self, replica: str, chunk: str) -> bool:
        """Whether a replica of Weaviate has a chunk itself: no other is asked for it. Raises HTTPError."""
        try:
            self.weaviate(replica, f"/v1/objects/{CHUNKS}/{chunk}?tenant={TENANT}&node_name={replica}")
        except HTTPError as refusal:
            with refusal:
                if refusal.code != 404:
                    raise
                return False
        return True


def wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    """Ask until it is so. Raises AssertionError if it does not come in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not so within {timeout_s} s"
        time.sleep(POLL_S)
