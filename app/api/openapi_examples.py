"""The examples in the OpenAPI document: a request and its answer for each address, a problem for each status.

A test validates each against its schema, sends the requests, and compares the members of the answers.
"""

from collections.abc import Mapping
from typing import Any

from app.api.cursors import BAD_CURSOR
from app.api.event_stream import server_sent_event

DOC_ID = "7d9f2c41a0b35e68d1c4f7a2"
ANSWER_ID = "0b6f5d2e-6c1b-4d43-9a35-2f4f8d1f6c11"
TEXT = "A spot pool drains in two minutes. [1]"
SOURCE = {
    "doc_id": DOC_ID,
    "title": "Scale nodes",
    "text": "A spot node is told two minutes before it goes; the pool drains in that time.",
    "score": 0.93,
    "location": "Spot nodes",
}
ANSWER_END: dict[str, Any] = {
    "answer_id": ANSWER_ID,
    "citations": [{"source": 0, "start": 0, "end": 34, "passage_start": 0, "passage_end": 77}],
    "metadata": {
        "model": "meta/llama-3.1-8b-instruct",
        "timings_ms": {
            "embed": 4.1,
            "search": 3.2,
            "first_token": 61.7,
            "generate": 412.0,
            "stream": 358.1,
            "quality": 0.4,
            "total": 420.3,
        },
        "tokens": {"prompt": 512, "completion": 11},
        "degraded": [],
        "cached": None,
        "removed": {},
        "quality": {"verdict": "grounded", "grounded": 1.0, "statements": 1, "unsupported": []},
    },
    "finish_reason": "stop",
    "truncated": False,
}
ANSWER = {**ANSWER_END, "answer": TEXT, "sources": [SOURCE]}
EVENTS = "".join(
    server_sent_event(name, data).decode()
    for name, data in (("sources", {"sources": [SOURCE]}), ("token", {"text": TEXT}), ("done", ANSWER_END))
)
MODEL = {"id": "meta/llama-3.1-8b-instruct", "object": "model", "created": 0, "owned_by": "ragspan"}
COMPLETION: dict[str, Any] = {
    "id": f"chatcmpl-{ANSWER_ID}",
    "object": "chat.completion",
    "created": 1795680000,
    "model": MODEL["id"],
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": TEXT, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 512, "completion_tokens": 11, "total_tokens": 523},
    "ragspan": {**ANSWER_END, "sources": [SOURCE], "ignored": []},
}
CHUNKS = (
    f'data: {{"id":"chatcmpl-{ANSWER_ID}","object":"chat.completion.chunk","created":1795680000,'
    '"model":"meta/llama-3.1-8b-instruct","choices":[{"index":0,"delta":{"content":"A spot pool"},'
    '"finish_reason":null}]}\n\ndata: [DONE]\n\n'
)
DOCUMENT: dict[str, Any] = {
    "doc_id": DOC_ID,
    "version": "e3b0c44298fc1c149afbf4c8",
    "title": "Scale nodes",
    "source_uri": "upload:///how-to-scale-nodes.md",
    "chunks": 7,
    "revision": 1795680000000000000,
    "groups": [],
    "metadata": {"year": "2026"},
}
CURSOR = "CD_fY_YPN2Q5ZjJjNDFhMGIzNWU2OGQxYzRmN2Ey"
INGESTED: dict[str, Any] = {"doc_id": DOC_ID, "version": DOCUMENT["version"], "chunks": 7, "status": "created"}

QUESTION: dict[str, Any] = {
    "query": "How fast does a spot pool drain?",
    "top_k": 5,
    "filter": {"year": ["2025", "2026"]},
}
ASK = {
    **QUESTION,
    "stream": False,
    "messages": [
        {"role": "user", "content": "Which pools are there?"},
        {"role": "assistant", "content": "CPU, GPU and spot pools."},
    ],
}
REQUESTS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("post", "/query"): ASK,
    ("post", "/v1/query"): ASK,
    ("post", "/v1/retrieve"): QUESTION,
    ("post", "/v1/chat/completions"): {
        "model": MODEL["id"],
        "messages": [{"role": "user", "content": QUESTION["query"]}],
        "stream": False,
        "top_k": 5,
        "filter": {"year": "2026"},
    },
    ("post", "/v1/feedback"): {"answer_id": ANSWER_ID, "rating": "up"},
    ("post", "/v1/documents"): {
        "file": "(the bytes of how-to-scale-nodes.md)",
        "source_uri": "https://example.com/how-to-scale-nodes.md",
        "groups": "*",
        "metadata": '{"year": "2026"}',
    },
}
RESPONSES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("post", "/query"): {"application/json": ANSWER, "text/event-stream": EVENTS},
    ("post", "/v1/query"): {"application/json": ANSWER, "text/event-stream": EVENTS},
    ("post", "/v1/retrieve"): {"application/json": {"hits": [SOURCE]}},
    ("post", "/v1/chat/completions"): {"application/json": COMPLETION, "text/event-stream": CHUNKS},
    ("get", "/v1/models"): {"application/json": {"object": "list", "data": [MODEL]}},
    ("get", "/v1/models/{model_id}"): {"application/json": MODEL},
    ("post", "/v1/documents"): {"application/json": INGESTED},
    ("get", "/v1/documents"): {"application/json": {"documents": [DOCUMENT], "next_cursor": CURSOR}},
    ("get", "/v1/documents/{doc_id}"): {"application/json": DOCUMENT},
    ("get", "/healthz"): {"application/json": {"status": "alive"}},
    ("get", "/readyz"): {"application/json": {"status": "ready", "degraded": ["reranker"]}},
    ("get", "/metrics"): {"text/plain": 'rag_requests_total{endpoint="/v1/query",status="200"} 1.0\n'},
}
DETAILS: Mapping[int, str] = {
    400: "The request body is not JSON in UTF-8.",
    401: "This service needs an API key. Send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.",
    403: "A page of another origin may not use this service from a browser.",
    404: "There is no document with this doc_id; GET /v1/documents lists them.",
    408: "The request body comes too slowly: nothing for 10 s, or under 4096 bytes a second.",
    409: "A newer version of this document is already in the index; nothing was changed.",
    413: "The document is larger than 20971520 bytes; split it or ask the operator to allow more.",
    421: "This service does not answer for the name in the Host header; its operator sets RAGSPAN_ALLOWED_HOSTS.",
    429: "The service answers as many questions as it can; ask again in 1 s.",
    500: "The service failed; its log has the reason.",
    502: "The answer generator answered with an error.",
    503: "The document index is unavailable; try again shortly.",
    504: "The answer generator did not answer in time.",
}
FAULTS: Mapping[tuple[str, str], tuple[str, str]] = {("get", "/v1/documents"): ("cursor", BAD_CURSOR)}
"""Faults of invalid requests where no question is asked: the field, and what to send instead."""
EMPTY_QUESTION = ("query", "the question is empty; write one")
