"""Server-sent events, parsed as their bytes come in: one call a read, however many events it holds.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, but a bare carriage
return ends no line, and an event that the end of the stream cuts off is given out, to be judged by its data.
"""

MAX_EVENT_BYTES = 256 * 1024
"""Many times what a chat endpoint sends in one event; an endless line must not fill the memory."""


class EventTooLong(Exception):
    """More bytes than `MAX_EVENT_BYTES` came without the end of an event."""


class SseParser:
    """Keeps what is incomplete between two reads."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._held_bytes = 0

    def feed(self, read: bytes) -> list[bytes]:
        """Return the data of each event that `read` completes; comments and other fields are passed over."""
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
        """Return the data that the end of the stream cuts off, if there is any."""
        self.feed(b"\n")
        return [self._take()] if self._data else []

    def _take(self) -> bytes:
        data, self._data, self._held_bytes = b"\n".join(self._data), [], 0
        return data
