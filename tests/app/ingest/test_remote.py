"""Files to a server that has too much to do for a while, or for good."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.ingest import remote
from app.ingest.document import SourceFile
from app.ingest.remote import remote_ingestor
from app.ports import DependencyUnavailable

pytestmark = pytest.mark.anyio
RAGSPAN = str(Path(sys.executable).with_name("ragspan"))
FILE = SourceFile(name="a.md", content=b"Cats", source_uri="file:///a.md", revision=1)
INGESTED = json.dumps({"doc_id": "d", "version": "v", "chunks": 1, "status": "created"})
BUSY = json.dumps({"detail": "Your tenant may make 2 requests a minute."})


@contextmanager
def server(*answers: tuple[int, str, str]) -> Generator[str]:
    """Yield the address of one that gives these answers, each a status, Retry-After and a body, then `INGESTED`."""
    left = iter(answers)

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, retry_after, body = next(left, (200, "", INGESTED))
            self.send_response(status)
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - as the base class has it

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


def ingest(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    for name in ("a.md", "b.md", "c.md"):
        (folder / name).write_text(name)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAGSPAN_")}
    command = [RAGSPAN, "ingest", str(folder), "--server", url]
    return subprocess.run(command, env=clean, capture_output=True, text=True, check=False, timeout=60)


def test_a_server_that_asks_to_wait_is_waited_for_and_every_file_arrives(tmp_path: Path) -> None:
    with server((200, "", INGESTED), (429, "1", BUSY), (503, "1", "<html>away</html>")) as url:
        done = ingest(tmp_path, url)
    assert (done.returncode, done.stdout.split()[:3]) == (0, ["created", "3", "files"])
    waits = [line for line in done.stderr.splitlines() if line.startswith("waiting")]
    assert waits == [
        "waiting   1 s: Your tenant may make 2 requests a minute.",
        "waiting   1 s: the server answers 503",
    ]


def test_what_was_done_is_reported_also_when_the_server_fails_for_good(tmp_path: Path) -> None:
    with server((200, "", INGESTED), (500, "", '{"detail": "The service failed."}')) as url:
        done = ingest(tmp_path, url)
    assert (done.returncode, done.stdout.split()[:3]) == (1, ["created", "1", "files"])
    assert "answered 500: The service failed." in done.stderr


@pytest.mark.parametrize(
    ("retry_after", "pause_s"), [("0", 0), ("86400", 0.02), ("", 0.01), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.01)]
)
async def test_no_wait_is_longer_than_a_limit_takes_to_give_room(
    monkeypatch: pytest.MonkeyPatch, retry_after: str, pause_s: float
) -> None:
    monkeypatch.setattr(remote, "MAX_PAUSE_S", 0.02)
    monkeypatch.setattr(remote, "PAUSE_S", 0.01)
    waits: list[float] = []
    with server((429, retry_after, BUSY)) as url:
        async with remote_ingestor(url, None, lambda seconds, _reason: waits.append(seconds)) as ingestor:
            assert (await ingestor.ingest(FILE)).status == "created"
    assert waits == [pause_s]


async def test_a_server_that_stays_busy_is_given_up_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE_S", 30)
    with server(*[(429, "31", BUSY)] * 2) as url:
        async with remote_ingestor(url, None) as ingestor:
            with pytest.raises(
                DependencyUnavailable, match=r"answered 429: Your tenant may make 2 requests a minute\."
            ):
                await ingestor.ingest(FILE)
