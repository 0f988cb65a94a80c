"""How a stream of events ends: the last one and the end in one write, and what comes after it is still done."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from app.api.event_stream import EventStream, LastEvent

pytestmark = pytest.mark.anyio


class Client:
    """Notes what is sent; leaves when it has the end, as a connection that is closed does."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bool]] = []
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.sent.append((message["body"], message["more_body"]))
            if not message["more_body"]:
                self.left.set()


async def test_the_last_event_ends_the_response_and_what_comes_after_it_is_done_though_the_client_leaves() -> None:
    done = asyncio.Event()

    async def events() -> AsyncGenerator[bytes, None]:
        yield b"one"
        yield LastEvent(b"last")
        for _ in range(5):
            await asyncio.sleep(0)
        done.set()

    client = Client()
    await EventStream(events())({"type": "http"}, client.receive, client.send)
    assert client.sent == [(b"one", True), (b"last", False)]
    assert done.is_set()


@pytest.mark.parametrize("fails_after", ["one", "last"])
async def test_one_error_at_the_end_and_none_for_what_fails_after_the_end(fails_after: str) -> None:
    async def events() -> AsyncGenerator[bytes, None]:
        yield b"one"
        if fails_after == "last":
            yield LastEvent(b"last")
        raise ZeroDivisionError

    client = Client()
    await EventStream(events())({"type": "http"}, client.receive, client.send)
    (_, first), (last, more) = client.sent
    assert (first, more, last.startswith(b"event: error")) == (True, False, fails_after == "one")
