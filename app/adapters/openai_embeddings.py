"""Vectors from any OpenAI-compatible embedding endpoint; tokens are counted locally by the model's own tokenizer."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from app.adapters.http import ModelServer
from app.ports import DependencyFailed, Matrix, RequestRefused, Vector
from app.rag.selection import BYTES_PER_TOKEN

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DEPENDENCY = "embedder"
BATCH_TEXTS = 32
"""Text Embeddings Inference accepts 32 texts per request by default (`--max-client-batch-size`), the fewest of all."""
BATCHES_IN_FLIGHT = 2
SPECIAL_TOKENS = 8
"""Allowance for a model's special tokens: common ones add two or three."""


class _Item(TypedDict):
    index: int
    embedding: list[float]


class _Response(TypedDict):
    data: list[_Item]


RESPONSE = TypeAdapter(_Response)


class OpenAiEmbedder:
    """Implements `ports.Embedder` with `POST {url}/embeddings`."""

    def __init__(
        self,
        server: ModelServer,
        *,
        model: str,
        dimensions: int,
        max_tokens: int,
        tokenizer_file: Path,
        query_prefix: str = "",
        passage_prefix: str = "",
        sends_input_type: bool = False,
    ) -> None:
        self._server, self._model = server, model
        self.dimensions, self.max_tokens = dimensions, max_tokens
        self.query_prefix, self.passage_prefix = query_prefix, passage_prefix
        self._sends_input_type = sends_input_type
        self._tokenizer_file = tokenizer_file
        self._slots = asyncio.Semaphore(BATCHES_IN_FLIGHT)

    @property
    def model(self) -> str:
        """The model's name. Input types change its vectors, so the index must tell the two apart."""
        return f"{self._model} with input_type" if self._sends_input_type else self._model

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        """Load the tokenizer, which only documents need: a replica that only answers saves up to 390 MB of memory.

        Raises DependencyFailed if the file is not a tokenizer.
        """
        from tokenizers import Tokenizer  # noqa: PLC0415 - likewise

        try:
            tokenizer = Tokenizer.from_file(str(self._tokenizer_file))
        except Exception as error:  # noqa: BLE001 - it raises nothing narrower
            message = (
                f"RAGSPAN_EMBEDDER_TOKENIZER_FILE={self._tokenizer_file} holds no tokenizer ({error}); "
                "set it to the model's tokenizer.json"
            )
            raise DependencyFailed(DEPENDENCY, message) from None
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @property
    def overhead_tokens(self) -> int:
        return len(self._tokenizer.encode(self.passage_prefix).ids)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return self._tokenizer.encode_batch([text], add_special_tokens=False)[0].offsets  # `encode` keeps the GIL

    async def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Return an array of shape (texts, dimensions) with rows of unit length. Raises DependencyUnavailable."""
        prefixed = [self.passage_prefix + text for text in texts]
        batches = [prefixed[start : start + BATCH_TEXTS] for start in range(0, len(prefixed), BATCH_TEXTS)]
        matrices = await asyncio.gather(*(self._embed_batch(batch) for batch in batches))
        return np.concatenate(matrices) if matrices else np.zeros((0, self.dimensions), np.float32)

    async def embed_query(self, text: str) -> Vector:
        """Return the vector of a question; if it is longer than the model reads, that of its beginning.

        Tokens are estimated, because the tokenizer is loaded for documents alone. If the estimate was too low, the
        question is cut to as many bytes as the model reads tokens, since every token has at least one byte. Raises
        DependencyUnavailable.
        """
        question, room = self.query_prefix + text, self.max_tokens - SPECIAL_TOKENS
        if self._sends_input_type:
            return (await self._embed([question], "query"))[0]
        try:
            return (await self._embed([_beginning(question, room * BYTES_PER_TOKEN)], "query"))[0]
        except RequestRefused:
            if len(question.encode()) <= room:
                raise
            return (await self._embed([_beginning(question, room)], "query"))[0]

    async def _embed_batch(self, texts: list[str]) -> Matrix:
        """Embed passages in few concurrent batches, so that a large document leaves the server time for questions."""
        async with self._slots:
            return await self._embed(texts, "passage")

    async def _embed(self, texts: list[str], input_type: Literal["query", "passage"]) -> Matrix:
        body: dict[str, object] = {"model": self._model, "input": texts, "encoding_format": "float"}
        if self._sends_input_type:
            body["input_type"] = input_type
            # The server may cut a question, which is then answered less well, but must not silently cut a document.
            body["truncate"] = "END" if input_type == "query" else "NONE"
        async with self._server.post("/embeddings", body) as response:
            raw = await response.read()
        try:
            items = sorted(RESPONSE.validate_json(raw)["data"], key=lambda item: item["index"])
        except ValidationError:
            raise DependencyFailed(DEPENDENCY, "the embedding endpoint answered no list of vectors") from None
        if [item["index"] for item in items] != list(range(len(texts))):
            raise DependencyFailed(DEPENDENCY, f"{len(items)} vectors came back for {len(texts)} texts")
        return self._unit_rows([item["embedding"] for item in items])

    def _unit_rows(self, rows: list[list[float]]) -> Matrix:
        lengths = {len(row) for row in rows}
        if lengths != {self.dimensions}:
            raise DependencyFailed(
                DEPENDENCY,
                f"the embedding endpoint returns vectors of length {sorted(lengths)}, but RAGSPAN_EMBEDDER_DIMENSIONS "
                f"is {self.dimensions}; set it to what the model returns",
            )
        matrix = np.asarray(rows, np.float64)
        with np.errstate(over="ignore"):
            norms = np.linalg.norm(matrix, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or not norms.all():
            raise DependencyFailed(DEPENDENCY, "the embedding endpoint returned a vector without a direction")
        return (matrix / norms).astype(np.float32)

    async def close(self) -> None:
        """Nothing to close: the HTTP client belongs to whoever opened it."""


def _beginning(text: str, size_bytes: int) -> str:
    return text.encode()[:size_bytes].decode(errors="ignore")
