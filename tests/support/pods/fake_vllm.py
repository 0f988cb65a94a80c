"""Stands for `vllm serve`: takes its arguments and its key, speaks its protocol, and answers from a script.

An argument that our components do not render, a wrong key and another model's name are refused, as vLLM does.
"""

import argparse
import asyncio
import os

from tests.support.openai_server import ChatScript, OpenAiServer

PIECES = ("The spot pool drains", " within 25 seconds", " of a notice. [1]")
"""Grounded, so that it is kept, in a document that says so."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--served-model-name", required=True)
    parser.add_argument("--tensor-parallel-size", type=int)
    parser.add_argument("--max-model-len", type=int)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    return parser.parse_args()


async def _serve(given: argparse.Namespace) -> None:
    key = os.environ["VLLM_API_KEY"]
    chat = ChatScript(pieces=PIECES)
    async with OpenAiServer(chat, host=given.host, port=given.port, key=key, model=given.served_model_name):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
