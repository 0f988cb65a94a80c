"""Requests to Pinecone's data plane, API version 2025-10, including the wait until a write is visible."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel

from app.adapters.batches import BATCH
from app.adapters.http import ModelServer
from app.adapters.http_answer import Answer
from app.adapters.http_client import HttpClient
from app.ports import DependencyFailed, DependencyTimeout

API_VERSION = "2025-10"
MAX_BATCH_BYTES = 1_500_000
"""Most bytes of an upsert; Pinecone allows 2 MB."""
BYTES_A_NUMBER = 22
BYTES_A_CHUNK = 16_000
"""Text, metadata and word vector of the longest usual passage."""
MAX_IDS = 100
"""Ids per fetch, which are part of its address."""
MAX_DELETED = 1000
SETTLE_DELAYS_S = (0.0, 0.05, 0.1, 0.2, 0.5, *(1.0,) * 30)
"""Delays before each check whether a write has been applied; mostly that takes less than a second or two."""
WRITTEN, TAKEN_IN = "x-pinecone-request-lsn", "x-pinecone-max-indexed-lsn"
"""Headers with the sequence number of a write, and with the last one that a query's answer includes."""


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


AnswerT = TypeVar("AnswerT", bound=_Answer)


class Index(_Answer):
    dimension: int
    metric: str | None = None


class Match(_Answer):
    id: str
    score: float
    metadata: dict[str, Any] = Field(default_factory=dict)


class _Matches(_Answer):
    matches: list[Match] = Field(default_factory=list[Match])


class _Vector(_Answer):
    metadata: dict[str, Any] = Field(default_factory=dict)


class _Fetched(_Answer):
    vectors: dict[str, _Vector] = Field(default_factory=dict[str, _Vector])


class _Listed(_Answer):
    class Id(_Answer):
        id: str

    class Pagination(_Answer):
        next: str | None = None

    vectors: list[Id] = Field(default_factory=list[Id])
    pagination: Pagination = Pagination()


def pinecone_index(client: HttpClient, url: str, api_key: SecretStr) -> ModelServer:
    """Return the server of one index; `url` is its host, with https://."""
    version = f"X-Pinecone-Api-Version: {API_VERSION}\r\n"
    return ModelServer(client, url, api_key, "vector_store", key_field="Api-Key:", fields=version)


async def describe(server: ModelServer) -> Index:
    return _checked(Index, (await _post(server, "/describe_index_stats", {}))[0])


class Namespace:
    """One namespace of the index. All methods may raise DependencyUnavailable."""

    def __init__(self, server: ModelServer, name: str, dimensions: int) -> None:
        self._server, self._name, self._dimensions = server, name, dimensions
        self.batch = max(1, min(BATCH, MAX_BATCH_BYTES // (dimensions * BYTES_A_NUMBER + BYTES_A_CHUNK)))
        """The most vectors of one write."""

    def marker(self, id_: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return a vector that only carries metadata: Pinecone accepts neither missing values nor only zeros."""
        return {"id": id_, "values": [1.0] + [0.0] * (self._dimensions - 1), "metadata": without_empty(metadata)}

    async def upsert(self, vectors: Sequence[Mapping[str, Any]]) -> None:
        """Write a batch of vectors and wait until queries find them."""
        await self.settle(await self.write(vectors))

    async def write(self, vectors: Sequence[Mapping[str, Any]]) -> int:
        """Write a batch of vectors and return the number for `settle`."""
        body = {"namespace": self._name, "vectors": vectors}
        return _number((await _post(self._server, "/vectors/upsert", body))[1].headers.get(WRITTEN))

    async def delete(self, ids: Sequence[str]) -> None:
        """Remove vectors and wait until queries no longer find them."""
        written = 0
        for first in range(0, len(ids), MAX_DELETED):
            body = {"namespace": self._name, "ids": ids[first : first + MAX_DELETED]}
            written = _number((await _post(self._server, "/vectors/delete", body))[1].headers.get(WRITTEN))
        await self.settle(written)

    async def query(self, limit: int, **wanted: Any) -> list[Match]:
        body = {"namespace": self._name, "topK": limit, "includeMetadata": True, **wanted}
        return _checked(_Matches, (await _post(self._server, "/query", body))[0]).matches

    async def fetch(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the metadata of those vectors that exist, by id."""
        found: dict[str, dict[str, Any]] = {}
        for first in range(0, len(ids), MAX_IDS):
            named = [("namespace", self._name), *(("ids", id_) for id_ in ids[first : first + MAX_IDS])]
            fetched = _checked(_Fetched, await _get(self._server, "/vectors/fetch", named))
            found |= {id_: vector.metadata for id_, vector in fetched.vectors.items()}
        return found

    async def ids(self, prefix: str) -> list[str]:
        """Return all ids that begin with `prefix`."""
        ids, token = await self.some_ids(prefix, MAX_IDS)
        while token:
            more, token = await self.some_ids(prefix, MAX_IDS, token)
            ids += more
        return ids

    async def some_ids(self, prefix: str, limit: int, token: str = "") -> tuple[list[str], str | None]:
        """Return at most `limit` ids that begin with `prefix`, in order, and a token for the following ones, if any."""
        named = [("namespace", self._name), ("prefix", prefix), ("limit", str(min(limit, MAX_IDS)))]
        page = [("paginationToken", token)] if token else []
        listed = _checked(_Listed, await _get(self._server, "/vectors/list", named + page))
        return [vector.id for vector in listed.vectors], listed.pagination.next or None

    async def settle(self, written: int) -> None:
        """Wait until queries include the write with this number."""
        body = {"namespace": self._name, "topK": 1, "vector": [1.0] * self._dimensions}
        for delay_s in SETTLE_DELAYS_S if written else ():
            await asyncio.sleep(delay_s)
            if _number((await _post(self._server, "/query", body))[1].headers.get(TAKEN_IN)) >= written:
                return
        if written:
            raise DependencyTimeout("vector_store", "Pinecone did not take in a write in time.")


def without_empty(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata without values that Pinecone does not accept: null and empty lists."""
    return {name: value for name, value in metadata.items() if value not in (None, [])}


async def _post(server: ModelServer, path: str, body: Mapping[str, Any]) -> tuple[bytes, Answer]:
    async with server.post(path, body) as answer:
        return await answer.read(), answer


async def _get(server: ModelServer, path: str, named: Iterable[tuple[str, str]]) -> bytes:
    async with server.get(path, urlencode(list(named))) as answer:
        return await answer.read()


def _number(value: str | None) -> int:
    """Return the header's number, 0 if there is none: other kinds of index do not report it."""
    return int(value) if value and value.isdecimal() else 0


def _checked(kind: type[AnswerT], raw: bytes) -> AnswerT:
    try:
        return kind.model_validate_json(raw)
    except ValidationError:
        raise DependencyFailed("vector_store", "Pinecone answered what its API does not say.") from None
