"""Finds the files that a path on the command line stands for."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.ingest.document import SourceFile, UnreadableDocument
from app.ingest.parsing import PARSERS


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFiles:
    """The files found; `ignored` counts files in folders that have no readable format, by suffix."""

    paths: tuple[Path, ...]
    ignored: Counter[str]


def find_files(paths: Iterable[Path]) -> FoundFiles:
    """Return the given files, and files in readable formats below the given folders except hidden ones.

    A folder that cannot be opened is among the paths, so that whoever reads them reports it.
    """
    found: dict[Path, None] = {}
    ignored: Counter[str] = Counter()
    for path in paths:
        if not path.is_dir():
            found[path.absolute()] = None
            continue
        unreadable: list[Path] = []
        for file in _below(path.absolute(), unreadable):
            if file.suffix.lower() in PARSERS:
                found[file] = None
            else:
                ignored[file.suffix.lower() or "without suffix"] += 1
        found |= dict.fromkeys(unreadable)
    return FoundFiles(paths=tuple(found), ignored=ignored)


def read_file(path: Path, max_bytes: int) -> SourceFile:
    """Read a file; its revision is its modification time. Raises UnreadableDocument."""
    try:
        status = path.stat()
        if status.st_size > max_bytes:
            raise UnreadableDocument(f"It has {status.st_size:,} bytes; RAGSPAN_MAX_UPLOAD_BYTES allows {max_bytes:,}.")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableDocument(f"It cannot be read ({error.strerror}).") from error
    return SourceFile(
        name=os.fsencode(path.name).decode(errors="replace"),
        content=content,
        source_uri=path.as_uri(),
        revision=status.st_mtime_ns,
    )


def _below(folder: Path, unreadable: list[Path]) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder, onerror=lambda error: unreadable.append(Path(error.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))
