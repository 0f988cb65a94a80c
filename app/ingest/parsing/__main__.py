"""The process of app/ingest/reader.py: reads the files that come in, one after another, within bounds.

Its arguments: seconds of computing for one file, MiB of heap. In: a line of JSON, `[name, size]`, and the content. Out:
a line of JSON, with `title` and `sections`, with `unreadable`, or with `failed`: what nobody foresaw, by its type.
"""

import json
import os
import resource
import signal
import sys
import time
from typing import IO

from app.ingest.document import UnreadableDocument
from app.ingest.parsing import parse

IDLE_S = 60
LONG_S = 1.0
"""One that has read a file for longer keeps a large heap, so it ends as well."""


def main() -> None:
    """Read files until none come, or until another process had better go on."""
    cpu_s, heap_mib = map(int, sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches it too; whoever began it ends it
    os.nice(5)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_DATA, heap_mib * 2**20)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer, and may quote a file
        while _answer(sys.stdin.buffer, answers, cpu_s):
            pass


def _bound(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _answer(files: IO[bytes], answers: IO[bytes], cpu_s: int) -> bool:
    """Read one file; say whether another may follow."""
    signal.alarm(IDLE_S)
    head = files.readline()
    signal.alarm(0)
    if not head:
        return False
    name, size = json.loads(head)
    began = time.process_time()
    _bound(resource.RLIMIT_CPU, int(began) + cpu_s)
    answer = _read(name, files.read(size))
    answers.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
    answers.flush()
    return "failed" not in answer and time.process_time() - began < LONG_S


def _read(name: str, content: bytes) -> dict[str, object]:
    try:
        document = parse(name, content)
    except UnreadableDocument as error:
        if isinstance(error.__cause__, MemoryError):
            return {"failed": "MemoryError"}
        return {"unreadable": str(error)}
    except Exception as error:  # noqa: BLE001 - of which the text may quote the file
        return {"failed": type(error).__name__}
    return {"title": document.title, "sections": [(section.text, section.location) for section in document.sections]}


if __name__ == "__main__":
    main()
