"""Files are read in processes of their own: one that breaks or keeps its reader breaks and keeps nothing else.

A few kilobytes are enough: tags so deep that a parser takes hours, a PDF whose thousand pages are one, markup that
unfolds into gigabytes. See docs/decisions/reading-files.md.
"""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePath
from queue import Empty, SimpleQueue

from app.ingest.document import ParsedDocument, UnreadableDocument
from app.ingest.parsing import parse
from app.rag.chunking import Section

log = logging.getLogger("ragspan.ingest")

APART = frozenset({".html", ".htm", ".pdf", ".docx"})
"""What it takes to read these does not follow from their size."""
CPU_S = 60
"""For one file; a manual of a thousand crowded pages takes half of it."""
HEAP_MIB = 448
"""Of a process: 15 MB of HTML fit. Two of them and the service itself fit in a pod of 1 GiB."""
ENDED_BY_ITSELF = (0, -signal.SIGALRM)
TOO_LONG = "It takes too long to read; split it, or save it in a simpler form."
TOO_MUCH = "It takes too much memory to read, or breaks its reader; split it, or save it in a simpler form."


def is_read_apart(name: str) -> bool:
    """Whether a file of this name is read in a process of its own."""
    return PurePath(name).suffix.lower() in APART


class Reader:
    """Reads files, as many at once as there are threads that ask it to. To be closed."""

    def __init__(self, cpu_s: int = CPU_S, heap_mib: int = HEAP_MIB) -> None:
        self._command = (sys.executable, "-P", "-m", "app.ingest.parsing", str(cpu_s), str(heap_mib))
        self._begun: list[_Process] = []
        self._is_closed = False
        self._idle = SimpleQueue[_Process]()

    def read(self, name: str, content: bytes) -> ParsedDocument:
        """Return what `parse` does. Raises UnreadableDocument, also for a file that takes too long or too much."""
        if not is_read_apart(name) or not content:
            return parse(name, content)
        try:
            process = self._idle.get_nowait()
        except Empty:
            self._begun.append(process := _Process(self._command))
        if self._is_closed:
            process.kill()
        try:
            return process.read(name, content)
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """End all of them; whoever waits for one is told that its file cannot be read."""
        self._is_closed = True
        for process in self._begun:
            process.kill()
        with suppress(Empty):
            while True:
                self._idle.get_nowait().end()


class _Process:
    """A process that reads one file at a time, begun with the first one, and again where it has ended."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._running: subprocess.Popen[bytes] | None = None
        self._is_over = False

    def read(self, name: str, content: bytes) -> ParsedDocument:
        while not (line := self._ask(name, content)):
            if (status := self.end()) not in ENDED_BY_ITSELF:
                log.warning("the reader of a file ended with status %d", status)
                raise UnreadableDocument(TOO_LONG if status == -signal.SIGXCPU else TOO_MUCH)
        answer = json.loads(line)
        if "failed" in answer:
            log.warning("the reader of a file failed with %s", answer["failed"])
            raise UnreadableDocument(TOO_MUCH)
        if "unreadable" in answer:
            raise UnreadableDocument(answer["unreadable"])
        sections = tuple(Section(text=text, location=location) for text, location in answer["sections"])
        return ParsedDocument(title=answer["title"], sections=sections)

    def kill(self) -> None:
        """End it, whatever it does, and what would be begun in its place."""
        self._is_over = True
        if self._running:
            self._running.kill()

    def end(self) -> int:
        """Wait for its end, which is near; return its status."""
        if not self._running:
            return 0
        with suppress(BrokenPipeError), self._running:
            pass
        status, self._running = self._running.wait(), None
        return status

    def _ask(self, name: str, content: bytes) -> bytes:
        """Return the line that it answers, nothing where it has ended."""
        self._running = running = self._running or subprocess.Popen(  # noqa: S603 - our own program
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        if self._is_over:
            running.kill()
        assert running.stdin and running.stdout  # noqa: PT018, S101 - they were asked for
        try:
            running.stdin.write(json.dumps([name, len(content)]).encode() + b"\n")
            running.stdin.write(content)
            running.stdin.flush()
        except BrokenPipeError:
            return b""
        line = running.stdout.readline()
        return line if line.endswith(b"\n") else b""
