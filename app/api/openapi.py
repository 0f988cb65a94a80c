"""The OpenAPI document: FastAPI's own, plus what it cannot know: problems, streams, keys, and an example of each.

Statuses sent by middleware and exception handlers appear in no route's signature, so they are listed here by address.
"""

from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, TypeAlias

from fastapi import FastAPI

from app.api import openapi_examples as examples
from app.api.openai_errors import CHAT_PATH, MODELS_PATH, envelope, is_openai
from app.api.problems import Problem, invalid
from app.api.schemas import AnswerEnd
from app.security.needed_scopes import is_open

Json: TypeAlias = dict[str, Any]
EVERYWHERE = (401, 403, 421, 429, 500, 503)
ASKING = (400, 408, 413, 422, 502, 503, 504)
STATUSES: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("post", "/query"): ASKING,
    ("post", "/v1/query"): ASKING,
    ("post", "/v1/retrieve"): ASKING,
    ("post", CHAT_PATH): (*ASKING, 404),
    ("get", MODELS_PATH): (503,),
    ("get", f"{MODELS_PATH}/{{model_id}}"): (404, 503),
    ("post", "/v1/feedback"): (400, 408, 413, 422),
    ("post", "/v1/documents"): (*ASKING, 409),
    ("get", "/v1/documents"): (422, 502, 503, 504),
    ("get", "/v1/documents/{doc_id}"): (404, 503, 504),
    ("delete", "/v1/documents/{doc_id}"): (404, 503, 504),
}
STRING = {"type": "string"}
FAULT = {"type": "object", "required": ["field", "message"], "properties": {"field": STRING, "message": STRING}}
SCHEMAS: Mapping[str, Json] = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457. `errors`: the fields of a request that is not valid. `violated-policies`: limits. "
        "`refused_by`: the dependency that does not take it.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": STRING,
            "title": STRING,
            "status": {"type": "integer"},
            "detail": STRING,
            "errors": {"type": "array", "items": FAULT},
            "violated-policies": {"type": "array", "items": STRING},
            "refused_by": STRING,
        },
    },
    "OpenAiError": {
        "type": "object",
        "description": "An error as OpenAI's clients read it.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": STRING,
                    "type": STRING,
                    "param": {"type": ["string", "null"]},
                    "code": {"type": ["string", "null"]},
                },
            }
        },
    },
    "ChatCompletion": {
        "type": "object",
        "description": "OpenAI's object; `ragspan` has the sources, the citations and the verdict, as in /v1/query.",
        "required": ["id", "object", "created", "model", "choices", "ragspan"],
        "properties": {
            "id": STRING,
            "object": {"const": "chat.completion"},
            "created": {"type": "integer"},
            "model": STRING,
            "choices": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "object"}},
            "usage": {"type": "object", "additionalProperties": {"type": "integer"}},
            "ragspan": {
                "allOf": [{"$ref": "#/components/schemas/AnswerEnd"}],
                "required": ["sources", "ignored"],
                "properties": {
                    "sources": {"type": "array", "items": {"$ref": "#/components/schemas/Source"}},
                    "ignored": {"type": "array", "items": STRING},
                },
            },
        },
    },
    "Model": {
        "type": "object",
        "required": ["id", "object", "created", "owned_by"],
        "properties": {"id": STRING, "object": {"const": "model"}, "created": {"type": "integer"}, "owned_by": STRING},
    },
    "Models": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}},
        },
    },
    "Readiness": {
        "type": "object",
        "description": "`degraded`: dependencies that are away, by role.",
        "required": ["status", "degraded"],
        "properties": {
            "status": {"enum": ["starting", "ready", "index_mismatch", "draining"]},
            "degraded": {"type": "array", "items": STRING},
        },
    },
}
RESPONSE_SCHEMAS: Mapping[tuple[str, str], str] = {
    ("post", CHAT_PATH): "ChatCompletion",
    ("get", MODELS_PATH): "Models",
    ("get", f"{MODELS_PATH}/{{model_id}}"): "Model",
    ("get", "/readyz"): "Readiness",
}
KEYS: Mapping[str, Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a token of a trusted issuer."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class DocumentedApp(FastAPI):
    """FastAPI with the complete OpenAPI document."""

    def openapi(self) -> Json:
        """Return the document, built on first use."""
        if not self.openapi_schema:
            self.version = version("ragspan")
            document = super().openapi()
            schemas = document["components"]["schemas"]
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas.update(SCHEMAS)
            schemas["AnswerEnd"] = AnswerEnd.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas["AnswerEnd"].pop("$defs")
            document["components"]["securitySchemes"] = dict(KEYS)
            document["security"] = [{name: []} for name in KEYS]
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    _complete(method, path, operation)
        return self.openapi_schema or {}


def _complete(method: str, path: str, operation: Json) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    if (request := examples.REQUESTS.get((method, path))) is not None:
        for content in operation["requestBody"]["content"].values():
            content["example"] = request
    if shown := examples.RESPONSES.get((method, path)):
        named = RESPONSE_SCHEMAS.get((method, path))
        responses["200"]["content"] = {
            media_type: {"schema": _schema(media_type, responses["200"], named), "example": example}
            for media_type, example in shown.items()
        }
    if is_open(path):
        operation["security"] = []
        if path == "/readyz":
            responses["503"] = {"description": "Not ready", "content": _not_ready()}
        return
    for status in sorted({*EVERYWHERE, *STATUSES[method, path]}):
        shown_status, response = _problem(method, path, status)
        responses[str(shown_status)] = response


def _schema(media_type: str, response: Json, named: str | None) -> Json:
    if media_type != "application/json":
        return {"type": "string"}
    return {"$ref": f"#/components/schemas/{named}"} if named else response["content"]["application/json"]["schema"]


def _not_ready() -> Json:
    example: Json = {"status": "draining", "degraded": []}
    return {"application/json": {"schema": {"$ref": "#/components/schemas/Readiness"}, "example": example}}


def _problem(method: str, path: str, status: int) -> tuple[int, Json]:
    """Return the status and the response as a client sees them; on OpenAI's addresses 422 becomes 400."""
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        body = invalid(examples.FAULTS.get((method, path), examples.EMPTY_QUESTION)).body()
    else:
        body = Problem(status, examples.DETAILS[status]).body()
    schema, media_type = "Problem", "application/problem+json"
    if is_openai(path):
        schema, media_type, body = "OpenAiError", "application/json", envelope(body)
        status = HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status
    content = {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": body}}
    response: Json = {"description": HTTPStatus(status).phrase, "content": content}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        seconds = {"description": "Seconds to wait before asking again.", "schema": {"type": "integer"}}
        response["headers"] = {"Retry-After": seconds}
    return status, response
