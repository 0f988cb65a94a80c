"""The embedding model that comes with a Python package: WordLlama, 256 dimensions, no server, no download.

Only the package's data files are read: importing `wordllama` itself would configure the root logger and load a
downloader. A vector is the normalised sum of its tokens' rows, equal to `WordLlama.embed(norm=True)` to within 3e-8.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]
from tokenizers import Tokenizer

from app.ports import Matrix, Vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSIONS = 256
_WEIGHTS = f"weights/l2_supercat_{DIMENSIONS}.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"


class WordLlamaEmbedder:
    """Implements `ports.Embedder`. A text without tokens gets the zero vector, which is similar to nothing."""

    model = "wordllama-l2-supercat-256"
    dimensions = DIMENSIONS
    query_prefix = ""
    passage_prefix = ""
    max_tokens = 4096
    """The model itself has no limit, since it adds up tokens; this one keeps a passage meaningful."""
    overhead_tokens = 0

    def __init__(self) -> None:
        spec = find_spec("wordllama")
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError("The package `wordllama` is missing: install ragspan with its `app` extra.")
        package = Path(spec.submodule_search_locations[0])
        self._rows: NDArray[np.float16] = load_file(package / _WEIGHTS)["embedding.weight"]
        self._tokenizer = Tokenizer.from_file(str(package / _TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # Its cache would remember thousands of texts, each a single word to this vocabulary: 2 KB per question ever
        # asked.
        self._tokenizer.model._resize_cache(0)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no public way

        # A thread of its own for documents, so that questions never wait for them.
        self._passages = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passages")

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return self._tokenizer.encode_batch([text], add_special_tokens=False)[0].offsets  # `encode` keeps the GIL

    async def embed_passages(self, texts: Sequence[str]) -> Matrix:
        return await asyncio.get_running_loop().run_in_executor(self._passages, self._embed, texts)

    async def embed_query(self, text: str) -> Vector:
        return (await asyncio.to_thread(self._embed, [text]))[0]

    async def close(self) -> None:
        self._passages.shutdown(wait=False, cancel_futures=True)

    def _embed(self, texts: Sequence[str]) -> Matrix:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        sums = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, encoding in enumerate(encodings):
            self._rows[encoding.ids].sum(axis=0, dtype=np.float32, out=sums[row])
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.divide(sums, lengths, out=sums, where=lengths > 0)
