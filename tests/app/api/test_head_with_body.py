"""A response's head does not leave alone where its body is there, and does where it is not."""

import asyncio
from typing import cast

import httpx
import pytest

from app.serving.head_with_body import HeadWithBody

pytestmark = pytest.mark.anyio


class Wire:
    """What is written, a part for each call."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.parts.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


def response(wire: Wire) -> HeadWithBody:
    return HeadWithBody(cast("asyncio.Transport", wire), asyncio.get_running_loop())


async def test_head_and_first_of_the_body_are_one_write_and_further_parts_wait_for_nothing() -> None:
    wire = Wire()
    answer = response(wire)
    for part in (b"head ", b"first", b"second"):
        answer.write(part)
    assert wire.parts == [b"head first", b"second"]
    await asyncio.sleep(0)
    assert wire.parts == [b"head first", b"second"]


async def test_a_head_whose_body_is_to_come_leaves_as_the_loop_comes_round() -> None:
    wire = Wire()
    response(wire).write(b"head")
    assert wire.parts == []
    await asyncio.sleep(0)
    assert wire.parts == [b"head"]


async def test_a_head_without_a_body_leaves_before_the_connection_is_closed() -> None:
    wire = Wire()
    answer = response(wire)
    answer.write(b"head")
    answer.close()
    await asyncio.sleep(0)
    assert (wire.parts, wire.is_closed, answer.is_closing()) == ([b"head"], True, True)


async def test_the_server_writes_a_short_answer_at_once(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    wires: list[Wire] = []

    class Tapped(Wire):
        def __init__(self, transport: asyncio.Transport) -> None:
            super().__init__()
            self._transport = transport
            wires.append(self)

        def write(self, data: bytes) -> None:
            super().write(data)
            self._transport.write(data)

    def tapped(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> HeadWithBody:
        return HeadWithBody(cast("asyncio.Transport", Tapped(transport)), loop)

    monkeypatch.setattr("app.serving.slow_clients.HeadWithBody", tapped)
    body = (await client.get("/healthz")).content
    ((answer,),) = [wire.parts for wire in wires]
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n" + body)
