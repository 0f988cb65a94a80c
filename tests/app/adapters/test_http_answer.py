"""One answer, fed by hand: every way in which a body ends, breaks, comes too fast or too slowly."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from app.adapters import http_answer
from app.adapters.http_answer import MAX_HEAD_BYTES, MAX_HELD_BYTES, Answer, ConnectionFailed, HttpError

pytestmark = pytest.mark.anyio
OK = b"HTTP/1.1 200 OK\r\n"
FIXED = OK + b"Content-Length: 4\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = OK + b"\r\n"


class Wire:
    """A connection that notes what is done to it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.released = asyncio.Event()

    @property
    def transport(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self)

    def release(self, *, keep: bool) -> None:
        self.calls.append("keep" if keep else "close")
        self.released.set()

    def write(self, _data: bytes) -> None: ...

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


Open = Callable[[], tuple[Answer, Wire]]


@pytest.fixture
async def opened() -> Open:
    def answer() -> tuple[Answer, Wire]:
        wire = Wire()
        return Answer(wire, b"", timeout_s=5), wire

    return answer


async def read(answer: Answer) -> bytes:
    try:
        await answer.head()
        return await answer.read()
    finally:
        answer.close()


async def begun(awaitable: Awaitable[bytes]) -> "asyncio.Future[bytes]":
    """Start waiting; return once it waits."""
    task = asyncio.ensure_future(awaitable)
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("size", [1, 3, 10_000])
@pytest.mark.parametrize(
    "sent",
    [
        FIXED + b"body",
        CHUNKED + b"2;x=y\r\nbo\r\n2\r\ndy\r\n0\r\nTrailer: x\r\n\r\n",
        UNTIL_CLOSE + b"body",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + FIXED + b"body",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody",
    ],
)
async def test_a_body_is_the_same_however_it_is_framed_and_split(opened: Open, sent: bytes, size: int) -> None:
    answer, _ = opened()
    reading = await begun(read(answer))
    for place in range(0, len(sent), size):
        answer.feed(sent[place : place + size])
        await asyncio.sleep(0)
    answer.cut(is_clean=True)
    assert await reading == b"body"
    assert answer.headers.keys() <= {"content-length", "transfer-encoding", "connection"}


@pytest.mark.parametrize(
    "sent",
    [
        FIXED + b"bod",
        CHUNKED + b"2\r\nbo\r\n",
        CHUNKED + b"2\r\nbody",
        OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
        OK + b"Transfer-Encoding: gzip\r\n\r\nbody",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbody",
        b"HTTP/2 200\r\n\r\n",
        OK + b"X: " + MAX_HEAD_BYTES * b"x" + b"\r\nContent-Length: 4\r\n\r\nbody",
        OK + b"X: " + MAX_HEAD_BYTES * b"x",
    ],
)
async def test_what_is_no_whole_answer_is_an_error_and_its_connection_is_closed(opened: Open, sent: bytes) -> None:
    answer, wire = opened()
    answer.feed(sent)
    answer.cut(is_clean=True)
    with pytest.raises(HttpError):
        await read(answer)
    assert wire.calls == ["close"]


async def test_a_body_without_an_announced_end_is_cut_by_a_connection_that_breaks(opened: Open) -> None:
    answer, _ = opened()
    answer.feed(UNTIL_CLOSE + b"body")
    answer.cut(is_clean=False)
    await answer.head()
    assert await answer.some() == b"body"
    with pytest.raises(HttpError):
        await answer.some()


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200"])
async def test_a_connection_lost_before_the_answer_began_is_told_apart(opened: Open, sent: bytes) -> None:
    answer, _ = opened()
    answer.feed(sent)
    answer.cut(is_clean=True)
    with pytest.raises(ConnectionFailed):
        await read(answer)


@pytest.mark.parametrize(
    ("sent", "fate"),
    [
        (FIXED + b"body", "keep"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "keep"),
        (OK + b"Connection: close\r\nContent-Length: 4\r\n\r\nbody", "close"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", "close"),
        (FIXED + b"body and more", "close"),
        (2 * (FIXED + b"body"), "close"),
        (FIXED + b"bo", "close"),
    ],
)
async def test_only_a_connection_with_nothing_left_on_it_is_kept(opened: Open, sent: bytes, fate: str) -> None:
    answer, wire = opened()
    answer.feed(sent)
    await answer.head()
    answer.close()
    answer.close()
    assert wire.calls == [fate]


async def test_the_first_piece_comes_at_once_and_the_next_ones_together_at_their_pace(opened: Open) -> None:
    answer, _ = opened()
    loop = asyncio.get_running_loop()
    answer.feed(CHUNKED + b"1\r\na\r\n")
    await answer.head()
    since = loop.time()
    assert await answer.some(0.05) == b"a"
    assert loop.time() - since < 0.05
    waiting = await begun(answer.some(0.05))
    answer.feed(b"1\r\nb\r\n")
    answer.feed(b"1\r\nc\r\n")
    assert await waiting == b"bc"
    assert loop.time() - since >= 0.05
    answer.close()


@pytest.mark.parametrize("is_late", [False, True])
async def test_no_pace_holds_up_the_end(opened: Open, is_late: bool) -> None:
    answer, _ = opened()
    answer.feed(CHUNKED + b"1\r\na\r\n")
    await answer.head()
    assert await answer.some() == b"a"
    waiting = await begun(answer.some(1000))
    answer.feed(b"1\r\nb\r\n")
    if is_late:
        await asyncio.sleep(0)
    answer.feed(b"0\r\n\r\n")
    assert await asyncio.wait_for(waiting, 5) == b"b"
    assert await answer.some(1000) == b""
    answer.close()


async def test_what_came_before_a_cut_is_given_out_though_it_was_not_due(opened: Open) -> None:
    answer, _ = opened()
    answer.feed(CHUNKED + b"1\r\na\r\n")
    await answer.head()
    assert await answer.some() == b"a"
    waiting = await begun(answer.some(1000))
    answer.feed(b"1\r\nb\r\n")
    answer.feed(b"1\r\nc\r\n")
    answer.cut(is_clean=True)
    assert await asyncio.wait_for(waiting, 5) == b"bc"
    with pytest.raises(HttpError, match="cut"):
        await answer.some(1000)
    answer.close()


async def test_a_server_is_held_back_also_while_nothing_is_due(opened: Open) -> None:
    answer, wire = opened()
    answer.feed(UNTIL_CLOSE + b"a")
    await answer.head()
    assert await answer.some() == b"a"
    waiting = await begun(answer.some(1000))
    answer.feed(b"b")
    answer.feed(b"x" * MAX_HELD_BYTES)
    assert wire.calls == []
    answer.feed(b"x")
    assert wire.calls == ["pause"]
    waiting.cancel()
    answer.close()


async def test_a_server_that_sends_faster_than_it_is_read_has_to_wait(opened: Open) -> None:
    answer, wire = opened()
    body = b"x" * (MAX_HELD_BYTES + 1)
    answer.feed(UNTIL_CLOSE + body)
    await answer.head()
    assert wire.calls == ["pause"]
    assert await answer.some() == body
    assert wire.calls == ["pause", "resume"]
    answer.close()


async def test_an_endless_body_is_not_read_as_a_whole(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_answer, "MAX_BODY_BYTES", 10)
    answer, _ = opened()
    answer.feed(UNTIL_CLOSE + b"x" * 11)
    with pytest.raises(HttpError, match="too long"):
        await read(answer)


async def test_a_silent_server_is_given_up_but_none_that_nobody_listened_to() -> None:
    answer = Answer(Wire(), b"", timeout_s=0.05)
    answer.feed(CHUNKED + b"1\r\na\r\n")
    await answer.head()
    await asyncio.sleep(0.15)  # somebody downstream is slow
    assert await answer.some() == b"a"
    since = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await answer.some()
    assert asyncio.get_running_loop().time() - since >= 0.049
    answer.close()


@pytest.mark.parametrize(("rest", "fate"), [(b"0\r\n\r\n", "keep"), (b"zz", "close"), (b"", "close")])
async def test_an_end_that_is_not_waited_for_still_gives_the_connection_back(
    opened: Open, rest: bytes, fate: str
) -> None:
    answer, wire = opened()
    answer.feed(CHUNKED + b"1\r\na\r\n")
    await answer.head()
    answer.grace_s = 0.01
    answer.close()
    assert wire.calls == []
    answer.feed(rest)
    await asyncio.wait_for(wire.released.wait(), 5)
    assert wire.calls == [fate]
