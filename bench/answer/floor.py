"""The floor: a raw ASGI application with its own HTTP client that does nothing but pass tokens on.

No key, no metrics, no deadlines, no error handling: only the costs of the interpreter, uvloop and uvicorn are left.
"""

import asyncio
import json
import re
from typing import Any

from bench.answer.contestant import EMBED, RANK, Upstream, chat, run
from bench.answer.stub import SEARCH_S

CONTENT = re.compile(rb'"content": "([^"]*)"')
HEADERS = [(b"content-type", b"text/event-stream")]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Client:
    """An HTTP client that keeps connections, and understands only what the stub sends."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._idle: list[Connection] = []

    async def post(self, path: str, body: dict[str, Any]) -> Connection:
        host, port = self._upstream.host, self._upstream.port
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(host, port)
        data = json.dumps(body).encode()
        writer.write(f"POST /v1{path} HTTP/1.1\r\nHost: stub\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        return reader, writer

    async def ask(self, path: str, body: dict[str, Any]) -> Any:
        connection = await self.post(path, body)
        head = await connection[0].readuntil(b"\r\n\r\n")
        answer = json.loads(await connection[0].readexactly(int(re.findall(rb"Content-Length: (\d+)", head)[0])))
        self.done(connection)
        return answer

    def done(self, connection: Connection) -> None:
        self._idle.append(connection)


def application(upstream: Upstream) -> Any:
    client = Client(upstream)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        json.loads((await receive())["body"])
        await client.ask("/embeddings", EMBED)
        await asyncio.sleep(SEARCH_S)
        rankings = (await client.ask("/ranking", RANK))["rankings"]
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        connection = await client.post("/chat/completions", chat(rankings))
        ended = False
        while not ended:
            data = await connection[0].read(65536)
            ended = data.endswith(b"0\r\n\r\n")
            if text := b"".join(CONTENT.findall(data)):
                event = b'event: token\ndata: {"text":"' + text + b'"}\n\n'
                await send({"type": "http.response.body", "body": event, "more_body": True})
        client.done(connection)
        await send({"type": "http.response.body", "body": b"event: done\ndata: {}\n\n"})

    return app


if __name__ == "__main__":
    run(application)
