"""Logs on standard error: JSON lines for machines, short lines for a person at a terminal.

Stack traces are logged as frames without the exception's text, which may quote a document, a question or a key.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime

from pydantic_core import to_json

from app.rag.trace import current

STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
OWN_LOGGER = "ragspan"


def _trace(record: logging.LogRecord) -> list[str]:
    """Return `file:line function` of each frame of a logged exception, innermost last, and the exception's type."""
    if not record.exc_info or not record.exc_info[0]:
        return []
    frames = traceback.extract_tb(record.exc_info[2])
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames] + [record.exc_info[0].__name__]


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time, level, logger, message, trace_id, and what the caller passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace := current.get():
            entry["trace_id"] = trace.trace_id
        entry |= {name: value for name, value in vars(record).items() if name not in STANDARD_ATTRIBUTES}
        if frames := _trace(record):
            entry["stack"] = frames
        return to_json(entry, fallback=str).decode()


class LineFormatter(logging.Formatter):
    """One short line per record, followed by the stack if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{name}={value}" for name, value in vars(record).items() if name not in STANDARD_ATTRIBUTES)
        line = f"{record.levelname.lower():8}{record.getMessage()} {extra}".rstrip()
        return "\n    ".join([line, *_trace(record)])


def configure_logs(level: str) -> None:
    """Send all logs to standard error; libraries log only from `warning` upwards."""
    # Do not compute what no record shows: https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage] - documented there
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter() if sys.stderr.isatty() else JsonFormatter())
    logging.basicConfig(level="WARNING", handlers=[handler], force=True)
    logging.getLogger(OWN_LOGGER).setLevel(level.upper())
