"""The embedding adapter against a server that speaks the real protocol."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from app.adapters.http import ModelServer
from app.adapters.http_client import HttpClient
from app.adapters.openai_embeddings import BATCH_TEXTS, OpenAiEmbedder
from app.ports import DependencyFailed, DependencyTimeout, DependencyUnavailable, RequestRefused
from tests.support.openai_server import DIMENSIONS, OpenAiServer, vector
from tests.support.raw_server import Act, RawServer

pytestmark = pytest.mark.anyio
LONG = "Which colour is the sky in Zürich? " * 114
"""Of some 4000 characters, the most that a question has by default."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def tokenizer_file(tmp_path: Path) -> Path:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "passage": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


@asynccontextmanager
async def embedder(url: str, tokenizer_file: Path, **options: Any) -> AsyncGenerator[OpenAiEmbedder, None]:
    settings: dict[str, Any] = {
        "model": "m",
        "dimensions": DIMENSIONS,
        "max_tokens": 512,
        "tokenizer_file": tokenizer_file,
        **options,
    }
    async with HttpClient(read_timeout_s=2) as http:
        yield OpenAiEmbedder(ModelServer(http, url, None, "embedder"), **settings)


async def test_rows_keep_the_order_of_the_texts_over_several_batches(tokenizer_file: Path) -> None:
    texts = [f"text {number}" for number in range(BATCH_TEXTS + 3)]
    async with OpenAiServer() as server, embedder(server.url, tokenizer_file) as e:
        matrix = await e.embed_passages(texts)
    assert len(server.requests) == 2
    expected = np.asarray([vector(text) for text in texts], np.float32)
    np.testing.assert_allclose(matrix, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


async def test_a_file_that_holds_no_tokenizer_is_named_by_the_first_document(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    async with OpenAiServer() as server, embedder(server.url, tmp_path / "tokenizer.json") as e:
        with pytest.raises(DependencyFailed, match=r"RAGSPAN_EMBEDDER_TOKENIZER_FILE=\S+ holds no tokenizer"):
            e.token_spans("text")


async def test_no_texts_make_no_request_and_an_empty_matrix(tokenizer_file: Path) -> None:
    async with OpenAiServer() as server, embedder(server.url, tokenizer_file) as e:
        assert (await e.embed_passages([])).shape == (0, DIMENSIONS)
    assert server.requests == []


async def test_prefixes_and_input_types_go_to_the_model_and_into_its_identity(tokenizer_file: Path) -> None:
    options = {"query_prefix": "q: ", "passage_prefix": "passage : ", "sends_input_type": True}
    async with OpenAiServer() as server, embedder(server.url, tokenizer_file, **options) as e:
        await e.embed_query("a")
        await e.embed_passages(["b"])
    sent = [(request["input"], request["input_type"]) for request in server.requests]
    assert sent == [(["q: a"], "query"), (["passage : b"], "passage")]
    assert e.overhead_tokens == 2
    assert e.model != "m"


async def test_a_nim_may_cut_a_question_that_is_too_long_but_no_passage(tokenizer_file: Path) -> None:
    async with OpenAiServer() as server, embedder(server.url, tokenizer_file, sends_input_type=True) as e:
        await e.embed_query(LONG)
        await e.embed_passages(["b"])
    assert [(request["input"], request["truncate"]) for request in server.requests] == [
        ([LONG], "END"),
        (["b"], "NONE"),
    ]


@pytest.mark.parametrize(("bytes_per_token", "requests"), [(4, 1), (1, 2)])
async def test_a_question_that_is_too_long_is_shortened_to_what_the_model_reads(
    tokenizer_file: Path, bytes_per_token: int, requests: int
) -> None:
    server = OpenAiServer(refuses=lambda text: len(text.encode()) / bytes_per_token > 510)
    async with server, embedder(server.url, tokenizer_file, query_prefix="query: ") as e:
        await e.embed_query(LONG)
    read = server.requests[-1]["input"][0]
    assert ("query: " + LONG).startswith(read)
    assert (len(read.encode()) > 500, len(server.requests)) == (True, requests)


async def test_a_short_question_that_is_refused_is_asked_once_and_the_server_is_not_to_blame(
    tokenizer_file: Path,
) -> None:
    async with OpenAiServer(refuses=lambda _text: True) as server, embedder(server.url, tokenizer_file) as e:
        with pytest.raises(RequestRefused, match="status 400") as caught:
            await e.embed_query("a")
    assert (caught.value.is_to_blame, len(server.requests)) == (False, 1)


async def test_tokens_are_the_models_own(tokenizer_file: Path) -> None:
    async with embedder("http://127.0.0.1:9/v1", tokenizer_file) as e:
        assert e.token_spans("two words") == [(0, 3), (4, 9)]


async def test_a_length_other_than_promised_is_refused_with_the_setting_to_change(tokenizer_file: Path) -> None:
    async with OpenAiServer() as server, embedder(server.url, tokenizer_file, dimensions=3) as e:
        with pytest.raises(DependencyUnavailable, match="RAGSPAN_EMBEDDER_DIMENSIONS"):
            await e.embed_query("a")


@pytest.mark.parametrize("vector", ["NaN, 1, 1", "Infinity, 1, 1", "1e200, 1e200, 1", "0, 0, 0"])
async def test_a_vector_without_a_direction_is_refused_for_questions_and_passages(
    tokenizer_file: Path, vector: str
) -> None:
    body = f'{{"data": [{{"index": 0, "embedding": [{vector}]}}]}}'.encode()
    answer = Act(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    async with RawServer(answer) as server, embedder(server.url, tokenizer_file, dimensions=3) as e:
        with pytest.raises(DependencyUnavailable, match="without a direction"):
            await e.embed_query("a")
        with pytest.raises(DependencyUnavailable, match="without a direction"):
            await e.embed_passages(["a"])


async def test_an_endpoint_that_never_answers_is_given_up(tokenizer_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never reads from them
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        async with HttpClient(read_timeout_s=0.05) as http:
            server = ModelServer(http, url, None, "embedder")
            e = OpenAiEmbedder(server, model="m", dimensions=3, max_tokens=9, tokenizer_file=tokenizer_file)
            with pytest.raises(DependencyTimeout):
                await e.embed_passages(["a"])


async def test_a_dead_endpoint_is_unavailable(tokenizer_file: Path) -> None:
    async with embedder("http://127.0.0.1:9/v1", tokenizer_file) as e:
        with pytest.raises(DependencyUnavailable) as caught:
            await e.embed_query("a")
    assert caught.value.dependency == "embedder"
