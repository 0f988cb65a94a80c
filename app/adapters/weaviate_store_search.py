"""Weaviate's `Search` call, made with its own protocol buffer messages over a separate channel.

The client's builders and result objects take three times as much CPU; see docs/decisions/searches-as-messages.md. All
requests are at quorum.
"""

import json
from collections.abc import Iterable, Sequence
from uuid import UUID

import grpc
from grpc.aio import AioRpcError, UnaryUnaryMultiCallable
from weaviate.exceptions import WeaviateQueryError
from weaviate.proto.v1 import base_pb2, base_search_pb2, search_get_pb2

from app.adapters.recorded_index import FoundChunk, RecordState, Wanted
from app.ports import Chunk, DocumentRecord, Hit, Scope
from app.rag.fusion import VECTOR_WEIGHT, query_words

SEARCH_TIMEOUT_S = 30.0
MAX_REPLY_BYTES = 104_858_000
"""The client's own limit; servers send no larger replies by default."""
RETRIES = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 3,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
"""For a search that a stopping server did not answer: within two seconds."""
RECONNECT_MS = (100, 2000)
"""Least and most time between attempts to connect; gRPC's defaults are 1 s, and 2 min after a long outage."""
KEEPALIVE_MS, UNACKNOWLEDGED_MS = 310_000, 5_000
"""To detect a server that vanished silently: unacknowledged data ends the connection, which Linux by itself would keep
for a quarter of an hour. gRPC sets this (TCP_USER_TIMEOUT) only together with keepalive, which Weaviate allows once in
five minutes."""

_OPEN = base_pb2.Filters(
    operator=base_pb2.Filters.OPERATOR_NOT,
    filters=[
        base_pb2.Filters(
            operator=base_pb2.Filters.OPERATOR_EQUAL,
            value_boolean=True,
            target=base_pb2.FilterTarget(property="restricted"),
        )
    ],
)
CHUNK_PROPERTIES = ["doc_id", "version", "revision", "ordinal", "title", "text", "source_uri", "location"]
RECORD_PROPERTIES = ["doc_id", "version", "revision", "source_uri", "title", "chunks", "deleted", "groups", "tags"]


class SearchCall:
    """Sends a search request. Raises WeaviateQueryError without Weaviate's own text, which may quote documents."""

    def __init__(self, host: str, port: int, *, secure: bool, api_key: str | None) -> None:
        retrying = {"methodConfig": [{"name": [{"service": "weaviate.v1.Weaviate"}], "retryPolicy": RETRIES}]}
        options = [
            ("grpc.default_authority", host),
            ("grpc.max_receive_message_length", MAX_REPLY_BYTES),
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_MS[0]),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MS[1]),
            ("grpc.keepalive_time_ms", KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", UNACKNOWLEDGED_MS),
            ("grpc.service_config", json.dumps(retrying)),
        ]
        target = f"{host}:{port}"
        self._channel = (
            grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options)
            if secure
            else grpc.aio.insecure_channel(target, options)
        )
        self._metadata = (("authorization", f"Bearer {api_key}"),) if api_key else None
        self._call: UnaryUnaryMultiCallable[search_get_pb2.SearchRequest, search_get_pb2.SearchReply]
        self._call = self._channel.unary_unary(
            "/weaviate.v1.Weaviate/Search",
            request_serializer=search_get_pb2.SearchRequest.SerializeToString,
            response_deserializer=search_get_pb2.SearchReply.FromString,
        )

    async def __call__(self, request: search_get_pb2.SearchRequest) -> Sequence[search_get_pb2.SearchResult]:
        try:
            reply = await self._call(request, timeout=SEARCH_TIMEOUT_S, metadata=self._metadata)
        except AioRpcError as error:
            raise WeaviateQueryError(error.code().name, "gRPC") from None
        return reply.results

    async def close(self) -> None:
        await self._channel.close()


def chunks_request(collection: str, tenant: str, wanted: Wanted, limit: int) -> search_get_pb2.SearchRequest:
    """Return a request for the best chunks in the scope, by words and vector."""
    request = _request(collection, tenant, limit, CHUNK_PROPERTIES)
    request.metadata.score = True
    request.hybrid_search.MergeFrom(
        base_search_pb2.Hybrid(
            query=" ".join(query_words(wanted.text)),
            properties=["text"],
            vector_bytes=wanted.vector.astype("<f4", copy=False).tobytes(),
            alpha_param=VECTOR_WEIGHT if wanted.vector.any() else 0,
            use_alpha_param=True,
            fusion_type=base_search_pb2.Hybrid.FUSION_TYPE_RELATIVE_SCORE,
        )
    )
    if conditions := [_any_of("tags", tags) for tags in wanted.scope.tags] + _open_to(wanted.scope):
        request.filters.MergeFrom(base_pb2.Filters(operator=base_pb2.Filters.OPERATOR_AND, filters=conditions))
    return request


def records_request(collection: str, tenant: str, uuids: Sequence[UUID]) -> search_get_pb2.SearchRequest:
    """Return a request for the records with these ids, of which there must be at least one."""
    request = _request(collection, tenant, len(uuids), RECORD_PROPERTIES)
    request.filters.MergeFrom(_any_of("_id", map(str, uuids)))
    return request


def page_request(collection: str, tenant: str, limit: int, after: str) -> search_get_pb2.SearchRequest:
    """Return a request for records in order of their ids, starting after an id or from the first."""
    request = _request(collection, tenant, limit, RECORD_PROPERTIES)
    request.after = after
    return request


def found_chunk(result: search_get_pb2.SearchResult) -> FoundChunk:
    values = result.properties.non_ref_props.fields
    chunk = Chunk(
        chunk_id=result.metadata.id,
        doc_id=values["doc_id"].text_value,
        version=values["version"].text_value,
        ordinal=values["ordinal"].int_value,
        title=values["title"].text_value,
        text=values["text"].text_value,
        source_uri=values["source_uri"].text_value,
        location=values["location"].text_value,
    )
    hit = Hit(chunk=chunk, score=min(result.metadata.score, 1.0))
    return FoundChunk(hit=hit, revision=int(values["revision"].text_value))


def found_record(result: search_get_pb2.SearchResult) -> RecordState:
    values = result.properties.non_ref_props.fields
    record = DocumentRecord(
        doc_id=values["doc_id"].text_value,
        version=values["version"].text_value,
        revision=int(values["revision"].text_value),
        source_uri=values["source_uri"].text_value,
        title=values["title"].text_value,
        chunks=values["chunks"].int_value,
        groups=tuple(values["groups"].list_value.text_values.values),
        tags=tuple(values["tags"].list_value.text_values.values),
    )
    return RecordState(record=record, deleted=values["deleted"].bool_value)


def _request(collection: str, tenant: str, limit: int, properties: Sequence[str]) -> search_get_pb2.SearchRequest:
    return search_get_pb2.SearchRequest(
        collection=collection,
        tenant=tenant,
        consistency_level=base_pb2.CONSISTENCY_LEVEL_QUORUM,
        properties=search_get_pb2.PropertiesRequest(non_ref_properties=properties),
        metadata=search_get_pb2.MetadataRequest(uuid=True),
        limit=limit,
        uses_123_api=True,
        uses_125_api=True,
        uses_127_api=True,
    )


def _any_of(name: str, values: Iterable[str]) -> base_pb2.Filters:
    return base_pb2.Filters(
        operator=base_pb2.Filters.OPERATOR_CONTAINS_ANY,
        value_text_array=base_pb2.TextArray(values=sorted(values)),
        target=base_pb2.FilterTarget(property=name),
    )


def _open_to(scope: Scope) -> list[base_pb2.Filters]:
    """Return the condition on groups, none if every document may be read."""
    if scope.groups is None:
        return []
    if not scope.groups:
        return [_OPEN]
    either = [_OPEN, _any_of("groups", scope.groups)]
    return [base_pb2.Filters(operator=base_pb2.Filters.OPERATOR_OR, filters=either)]
