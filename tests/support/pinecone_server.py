"""A stand-in for one Pinecone serverless index on loopback: its documented requests, and that reads lag behind writes.

A write is taken in after two more reads of its namespace; until then they answer as if it had not been made.
"""

import json
from base64 import b64decode, b64encode
from collections import defaultdict
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

import numpy as np
from aiohttp import web
from pydantic import SecretStr

from app.adapters.http_client import HttpClient
from app.adapters.pinecone_store import PineconeStore
from app.adapters.pinecone_store_requests import pinecone_index

Vector: TypeAlias = dict[str, Any]
PAGE = 3
LAG_READS = 2


class Namespace:
    """Vectors by id as reads see them, and the writes that they do not see yet."""

    def __init__(self) -> None:
        self.vectors: dict[str, Vector] = {}
        self.pending: list[tuple[dict[str, Vector | None], int]] = []
        self.written = self.taken_in = 0

    def write(self, changes: dict[str, Vector | None]) -> dict[str, str]:
        self.written += 1
        self.pending.append((changes, LAG_READS))
        return {"x-pinecone-request-lsn": str(self.written)}

    def read(self) -> dict[str, str]:
        self.pending = [(changes, reads - 1) for changes, reads in self.pending]
        while self.pending and self.pending[0][1] < 0:
            for id_, vector in self.pending.pop(0)[0].items():
                if vector is None:
                    self.vectors.pop(id_, None)
                else:
                    self.vectors[id_] = vector
            self.taken_in += 1
        return {"x-pinecone-max-indexed-lsn": str(self.taken_in)}


class PineconeServer:
    """One index. `status` and `raw` replace every answer."""

    def __init__(self, dimension: int, api_key: str, metric: str = "dotproduct") -> None:
        self.dimension, self.metric, self.api_key = dimension, metric, api_key
        self.namespaces: defaultdict[str, Namespace] = defaultdict(Namespace)
        self.status, self.raw = 200, ""

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._check])
        for path, handle in (
            ("/describe_index_stats", self._describe),
            ("/vectors/upsert", self._upsert),
            ("/vectors/delete", self._delete),
            ("/query", self._query),
        ):
            app.router.add_post(path, handle)
        app.router.add_get("/vectors/fetch", self._fetch)
        app.router.add_get("/vectors/list", self._list)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _check(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Api-Key") != self.api_key or request.headers.get("X-Pinecone-Api-Version") != "2025-10":
            return web.json_response({"code": 16, "message": "Unauthorized"}, status=401)
        if self.status != 200 or self.raw:
            return web.Response(text=self.raw or "apple: a secret", status=self.status)
        return await handler(request)

    async def _describe(self, _request: web.Request) -> web.Response:
        counts = {name: {"vectorCount": len(space.vectors)} for name, space in self.namespaces.items()}
        return web.json_response(
            {"namespaces": counts, "dimension": self.dimension, "metric": self.metric, "indexFullness": 0}
        )

    async def _upsert(self, request: web.Request) -> web.Response:
        body = await request.json()
        for vector in body["vectors"]:
            if fault := self._fault(vector):
                return web.json_response({"code": 3, "message": fault}, status=400)
        lsn = self.namespaces[body["namespace"]].write({vector["id"]: vector for vector in body["vectors"]})
        return web.json_response({"upsertedCount": len(body["vectors"])}, headers=lsn)

    def _fault(self, vector: Vector) -> str:
        if len(vector["values"]) != self.dimension:
            return "Vector dimension does not match the dimension of the index"
        if not any(vector["values"]):
            return "Dense vectors must contain at least one non-zero value"
        for value in vector.get("metadata", {}).values():
            if not isinstance(value, str | bool | int | float) and not _is_list_of_texts(value):
                return "Metadata value must be a string, number, boolean or list of strings"
        return ""

    async def _delete(self, request: web.Request) -> web.Response:
        body = await request.json()
        lsn = self.namespaces[body["namespace"]].write(dict.fromkeys(body["ids"]))
        return web.json_response({}, headers=lsn)

    async def _query(self, request: web.Request) -> web.Response:
        body = await request.json()
        space = self.namespaces[body["namespace"]]
        lsn = space.read()
        wanted = body.get("filter", {})
        scored: list[dict[str, Any]] = [
            {"id": id_, "score": _score(body, vector), "metadata": vector.get("metadata", {})}
            for id_, vector in space.vectors.items()
            if _matches(wanted, vector.get("metadata", {}))
        ]
        scored.sort(key=lambda match: -match["score"])
        return web.json_response({"matches": scored[: body["topK"]], "namespace": body["namespace"]}, headers=lsn)

    async def _fetch(self, request: web.Request) -> web.Response:
        space = self.namespaces[request.query["namespace"]]
        space.read()
        ids = [id_ for id_ in request.query.getall("ids") if id_ in space.vectors]
        return web.json_response({"vectors": {id_: _numbers_as_floats(space.vectors[id_]) for id_ in ids}})

    async def _list(self, request: web.Request) -> web.Response:
        space = self.namespaces[request.query["namespace"]]
        space.read()
        ids = sorted(id_ for id_ in space.vectors if id_.startswith(request.query["prefix"]))
        try:
            past = json.loads(b64decode(request.query.get("paginationToken", FIRST_PAGE), validate=True))["skip_past"]
        except (ValueError, KeyError, TypeError):
            return web.json_response({"code": 3, "message": "Invalid pagination token"}, status=400)
        following = [id_ for id_ in ids if id_ > past]
        listed = following[: min(PAGE, int(request.query["limit"]))]
        token = {"pagination": {"next": _page_past(listed[-1])}} if len(listed) < len(following) else {}
        return web.json_response({"vectors": [{"id": id_} for id_ in listed], **token})


def _page_past(id_: str) -> str:
    """A token in the form of those in Pinecone's examples: it names the last id that was listed."""
    return b64encode(json.dumps({"skip_past": id_}).encode()).decode()


FIRST_PAGE = _page_past("")


def pinecone_store(server: PineconeServer, client: HttpClient) -> PineconeStore:
    return PineconeStore(pinecone_index(client, server.url, SecretStr(server.api_key)))


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value)) and value != []


def _score(body: dict[str, Any], vector: Vector) -> float:
    dense = float(np.dot(body["vector"], vector["values"]))
    asked, has = body.get("sparseVector"), vector.get("sparseValues")
    if not asked or not has:
        return dense
    weights = dict(zip(has["indices"], has["values"], strict=True))
    return dense + sum(v * weights.get(i, 0.0) for i, v in zip(asked["indices"], asked["values"], strict=True))


def _numbers_as_floats(vector: Vector) -> Vector:
    metadata = vector.get("metadata", {})
    return vector | {
        "metadata": {
            name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
            for name, value in metadata.items()
        }
    }


def _matches(wanted: dict[str, Any], metadata: dict[str, Any]) -> bool:
    for key, condition in wanted.items():
        if key in {"$and", "$or"}:
            kind = all if key == "$and" else any
            if not kind(_matches(part, metadata) for part in condition):
                return False
        elif not _is(condition, metadata.get(key)):
            return False
    return True


def _is(condition: dict[str, Any], value: Any) -> bool:
    ((operator, operand),) = condition.items()
    values = cast("list[Any]", value if isinstance(value, list) else [value])
    return operand in values if operator == "$eq" else any(item in operand for item in values)
