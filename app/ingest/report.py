"""The output of `ragspan ingest`: a line per file or a progress bar while it works, a summary at the end."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.ports import ServiceError

STATUSES = ("created", "updated", "unchanged", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """The outcome for one file; `reason` says why it was skipped."""

    path: str
    status: Literal["created", "updated", "unchanged", "skipped"]
    doc_id: str | None = None
    version: str | None = None
    chunks: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one run; `target` is where the documents went."""

    target: str
    files: tuple[FileReport, ...]
    ignored: Counter[str]
    seconds: float
    failure: ServiceError | None = None
    """The failure of the index or its server that ended the run early."""

    @property
    def skipped(self) -> list[FileReport]:
        return [file for file in self.files if file.status == "skipped"]

    def as_json(self) -> dict[str, Any]:
        counts = Counter(file.status for file in self.files)
        return {
            "schema_version": 1,
            "target": self.target,
            "counts": {status: counts[status] for status in STATUSES},
            "ignored": dict(sorted(self.ignored.items())),
            "seconds": round(self.seconds, 3),
            "files": [asdict(file) for file in self.files],
        }

    def lines(self) -> Iterator[str]:
        """The summary for people."""
        for status in STATUSES:
            of_status = [file for file in self.files if file.status == status]
            chunks = sum(file.chunks for file in of_status)
            yield f"{status:<10}{len(of_status):>8} files{f'{chunks:>10} chunks' if chunks else ''}"
        yield from (f"  {file.path}: {file.reason}" for file in self.skipped)
        if self.ignored:
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self.ignored.items()))
            yield f"{'ignored':<10}{self.ignored.total():>8} files: {kinds}"
        changed = any(file.status in {"created", "updated"} for file in self.files)
        yield f"{'Done' if changed else 'Nothing changed'} in {self.seconds:.1f} s: {self.target}"


class Telling:
    """Shows progress: a bar on a terminal, else a line for each file and each wait."""

    def __init__(self, total: int) -> None:
        console = Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=total)

    def follow(self, paths: Iterable[Path]) -> Iterator[Path]:
        """Yield each path, advancing the progress bar."""
        with self._bar:
            for path in paths:
                self._bar.update(self._task, description=path.name)
                yield path
                self._bar.advance(self._task)

    def file(self, file: FileReport) -> None:
        """Report the outcome for a file."""
        if self._bar.disable:
            click.echo(f"{file.status:<10}{file.path}{f': {file.reason}' if file.reason else ''}", err=True)

    def wait(self, seconds: float, reason: str) -> None:
        """Report a pause."""
        if self._bar.disable:
            click.echo(f"{'waiting':<10}{seconds:.0f} s: {reason}", err=True)
        self._bar.update(self._task, description=f"waiting {seconds:.0f} s: {reason}")
