"""Stands in for the models that contestants ask: one process, set answer times, as lean as Python allows.

Embedding takes 5 ms, reranking 5 ms; an answer has 32 tokens, the first after 20 ms and then one every 4 ms. A search
is a 3 ms timer inside each contestant, or takes as long at the stub of Weaviate.
"""

import asyncio
import json
import re
import sys
from typing import cast

EMBED_S, SEARCH_S, RERANK_S, FIRST_TOKEN_S, TOKEN_S, TOKENS = 0.005, 0.003, 0.005, 0.020, 0.004, 32
IDEAL_TTFT_S = EMBED_S + SEARCH_S + RERANK_S + FIRST_TOKEN_S
IDEAL_S = IDEAL_TTFT_S + (TOKENS - 1) * TOKEN_S
DIMENSIONS = 256
CANDIDATES, WANTED = 20, 5
"""Passages that a search finds, and how many of them are in the prompt after reranking."""


def _json(content: object) -> bytes:
    body = json.dumps(content).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


USAGE = {"prompt_tokens": 1, "completion_tokens": TOKENS, "total_tokens": TOKENS + 1}
EMBEDDING = _json({"data": [{"index": 0, "object": "embedding", "embedding": [0.5] * DIMENSIONS}], "usage": USAGE})
RANKING = _json({"rankings": [{"index": n, "logit": 2 - n / 4} for n in range(CANDIDATES)]})
MODELS = _json({"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "bench"}]})
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(text: str, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    usage = {"usage": USAGE} if finish_reason else {}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **usage}
    return _chunk(b"data: " + json.dumps(chunk).encode() + b"\n\n")


TOKEN = _event(" spot")
LAST = _event("", "stop") + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._buffer, self._loop = (
            cast("asyncio.Transport", transport),
            b"",
            asyncio.get_running_loop(),
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if not separator or len(body) < (int(length.group(1)) if length else 0):
            return
        self._buffer = b""
        path = head.split(b" ", 2)[1]
        if path.endswith(b"/embeddings"):
            self._loop.call_later(EMBED_S, self._send, EMBEDDING)
        elif path.endswith(b"/ranking"):
            self._loop.call_later(RERANK_S, self._send, RANKING)
        elif path.endswith(b"/chat/completions"):
            self._first = self._loop.time() + FIRST_TOKEN_S
            self._loop.call_at(self._first, self._token, 0)
        else:
            self._send(MODELS)

    def _token(self, number: int) -> None:
        last = number == TOKENS - 1
        self._send((STREAM if number == 0 else b"") + TOKEN + (LAST if last else b""))
        if not last:
            self._loop.call_at(self._first + (number + 1) * TOKEN_S, self._token, number + 1)

    def _send(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    sys.exit(uvloop.run(serve()))
