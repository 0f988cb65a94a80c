"""Parses server-sent events as bytes arrive: one call per read, however many events it contains.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, except that a bare
carriage return does not end a line, and an event cut off by the end of the stream is returned, to be judged by its
data.
"""

MAX_EVENT_BYTES = 256 * 1024
"""Many times what a chat endpoint sends in one event; an endless line must not exhaust memory."""


class EventTooLong(Exception):
    """An event has more than `MAX_EVENT_BYTES`."""


class SseParser:
    """Keeps incomplete data between reads."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._held_bytes = 0

    def feed(self, read: bytes) -> list[bytes]:
        """Return the data of each event that `read` completes; comments and other fields are skipped."""
        lines = (self._rest + read).split(b"\n")
        self._rest = lines.pop()
        events: list[bytes] = []
        for raw in lines:
            line = raw.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._held_bytes += len(line)
            elif not line and self._data:
                events.append(self._take())
            if self._held_bytes > MAX_EVENT_BYTES:
                raise EventTooLong
        if len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLong
        return events

    def end(self) -> list[bytes]:
        """Return the data of an event cut off by the end of the stream, if there is one."""
        self.feed(b"\n")
        return [self._take()] if self._data else []

    def _take(self) -> bytes:
        data, self._data, self._held_bytes = b"\n".join(self._data), [], 0
        return data
