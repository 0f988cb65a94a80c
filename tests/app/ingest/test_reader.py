"""What a hostile file takes along: its own reading, and nothing else."""

import os
import signal
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from app.ingest.document import UnreadableDocument
from app.ingest.parsing import parse
from app.ingest.reader import Reader
from tests.support.documents import blank_pdf, docx, pdf

DEEP = b"<div>" * 200_000
"""A minute's work; a megabyte of it, an hour's."""
MULTIPLIED = b"<p>" + b"".join(b"<b id=%d>" % n for n in range(2000)) + b"<p>x" * 2000
"""Each paragraph has all of them: four million elements."""
PAGE = b"<title>Page</title><p>Text of the page."


@pytest.fixture
def reader() -> Generator[Reader]:
    with closing(Reader(cpu_s=1, heap_mib=128)) as reader:
        yield reader


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.html", PAGE), ("a.pdf", pdf("One", "Two")), ("a.docx", docx(("Heading 1", "Gr\u00fc\u00dfe")))],
)
def test_a_file_is_read_as_it_is_here(reader: Reader, name: str, content: bytes) -> None:
    assert reader.read(name, content) == reader.read(name, content) == parse(name, content)


def test_what_cannot_be_read_is_refused_with_the_reason(reader: Reader) -> None:
    with pytest.raises(UnreadableDocument, match="text recognition"):
        reader.read("a.pdf", blank_pdf())


@pytest.mark.parametrize(("content", "reason"), [(DEEP, "too long"), (MULTIPLIED, "too much memory")])
def test_a_file_that_takes_everything_is_refused_and_the_next_one_is_read(
    reader: Reader, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], content: bytes, reason: str
) -> None:
    with pytest.raises(UnreadableDocument, match=reason):
        reader.read("hostile.html", content)
    assert reader.read("a.html", PAGE).title == "Page"
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("the reader of a file ")
    assert capfd.readouterr().err == "", "lines of the log are JSON"


def processes() -> list[int]:
    """Return the reading processes of this one."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for listed in children for pid in listed.read_text().split()]
    return [pid for pid in pids if b"app.ingest.parsing" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_one_that_has_ended_meanwhile_is_begun_anew(reader: Reader) -> None:
    assert reader.read("a.html", PAGE).title == "Page"
    (idle,) = processes()
    os.kill(idle, signal.SIGALRM)
    assert reader.read("a.html", PAGE).title == "Page"
    assert processes() != [idle]


def test_whoever_closes_waits_for_no_file() -> None:
    reader = Reader()
    assert reader.read("a.html", PAGE).title == "Page"  # so that a process is there to be ended
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(reader.read, "hostile.html", DEEP)
        began = time.monotonic()
        reader.close()
        with pytest.raises(UnreadableDocument):
            reading.result()
    assert time.monotonic() - began < 10
