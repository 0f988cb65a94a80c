"""The lock on a data folder: only one process at a time may write to the embedded store."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

LOCK_FILE = "holder.json"


class DataFolderInUse(Exception):
    """Another process holds the folder; `server_url` is where it accepts documents, None if it is no server."""

    def __init__(self, path: Path, pid: int | None, server_url: str | None) -> None:
        at = f" and serves {server_url}" if server_url else ""
        super().__init__(f"The data folder {path} is in use: process {pid or 'unknown'} holds it{at}.")
        self.pid = pid
        self.server_url = server_url


class DataFolder:
    """A lock held until it is released or this process ends in whatever way: the kernel frees it with the process."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def acquire(cls, path: Path, server_url: str | None) -> "DataFolder":
        """Create the folder if necessary and lock it. Raises DataFolderInUse, or OSError if it cannot be written."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, url = _holder(lock)
            os.close(lock)
            raise DataFolderInUse(path, pid, url) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps({"pid": os.getpid(), "server_url": server_url}).encode(), 0)
        return cls(path, lock)

    def release(self) -> None:
        """Release the lock. The file stays: if it were deleted, two processes could each lock a file of its name."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def _holder(lock: int) -> tuple[int | None, str | None]:
    """Return the holder's process id and URL; both None in the instant between its lock and its write."""
    try:
        holder = json.loads(os.pread(lock, 4096, 0))
    except ValueError:
        return None, None
    return holder["pid"], holder["server_url"]
