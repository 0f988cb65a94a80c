"""Fuzz one target, guided by what of it has been covered: `python -m tests.fuzz TARGET SECONDS`.

Ends with status 0 after the time, or prints the bytes that broke a promise. Atheris has wheels for Linux only.
"""

import sys
import tempfile
from pathlib import Path

import atheris
from atheris.import_hook import instrument_imports

SEEDS = {
    "sse": b'data: {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n',
    "guard": b'See ![x](https://evil.example/?q=1) <img src="h\nttps://e.io"> Bearer abcdef0123456789ab jane@x.example',
    "chunker": b"One sentence. Another one!\n\nA paragraph of its own\nand a line.",
    "http": b"POST /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}"
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;e=1\r\n{}\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    "config": b"aopenai\nbhttp://127.0.0.1/v1\nc12\ndnone,email",
}


def main() -> None:
    name, seconds = sys.argv[1:]
    with instrument_imports(include=["app"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - what is imported here is instrumented
    with tempfile.TemporaryDirectory() as corpus:
        (Path(corpus) / "seed").write_bytes(SEEDS[name])
        atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", "-max_len=512", corpus], TARGETS[name])
        atheris.Fuzz()  # does not return


if __name__ == "__main__":
    main()
