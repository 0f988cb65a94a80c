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
