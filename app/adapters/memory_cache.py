"""The answer cache in this process's memory: no server, lost with the process, not shared between replicas."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from app.ports import Health

OVERHEAD_BYTES = 400
"""Overhead of an entry besides its value (key, tuple, place in the order), measured with tracemalloc and rounded up."""
MAX_LATEST = 128
"""Per partition."""


class MemoryCache:
    """Implements `ports.AnswerCache` within `max_bytes`, dropping what was used longest ago first."""

    def __init__(self, max_bytes: int, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes, self._ttl_s, self._clock = max_bytes, ttl_s, clock
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._latest: OrderedDict[str, deque[tuple[float, bytes]]] = OrderedDict()
        self.bytes = 0

    async def get(self, key: str) -> bytes | None:
        expires, value = self._values.get(key, (0.0, b""))
        if not value:
            return None
        if expires <= self._clock():
            self._drop(key)
            return None
        self._values.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes) -> None:
        if key in self._values:
            self._drop(key)
        if _size(value) > self._max_bytes:
            return
        self._values[key] = (self._clock() + self._ttl_s, value)
        self.bytes += _size(value)
        self._shrink()

    async def latest(self, partition: str) -> list[bytes]:
        now = self._clock()
        if partition not in self._latest:
            return []
        self._latest.move_to_end(partition)
        return [value for expires, value in self._latest[partition] if expires > now]

    async def add(self, partition: str, value: bytes) -> None:
        entries = self._latest.setdefault(partition, deque())
        self._latest.move_to_end(partition)
        entries.appendleft((self._clock() + self._ttl_s, value))
        self.bytes += _size(value)
        while len(entries) > MAX_LATEST:
            self.bytes -= _size(entries.pop()[1])
        self._shrink()

    async def health(self) -> Health:
        return Health(ok=True)

    async def close(self) -> None:
        self._values.clear()
        self._latest.clear()
        self.bytes = 0

    def _drop(self, key: str) -> None:
        self.bytes -= _size(self._values.pop(key)[1])

    def _shrink(self) -> None:
        while self.bytes > self._max_bytes:
            if len(self._latest) > len(self._values):
                _, entries = self._latest.popitem(last=False)
                self.bytes -= sum(_size(value) for _, value in entries)
            else:
                self._drop(next(iter(self._values)))


def _size(value: bytes) -> int:
    return len(value) + OVERHEAD_BYTES
