"""The OpenAPI document: every request, answer and problem has an example, as its schema and the service itself say."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from app.api.openapi_examples import REQUESTS, RESPONSES
from app.main import create_app
from app.settings import Settings
from tests.app.api.events import parsed

pytestmark = pytest.mark.anyio
DOCUMENT = create_app(Settings.model_construct()).openapi()
OPERATIONS = {
    f"{method} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return each body that is described, by what it is."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"request {media_type}", content
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            yield f"{status} {media_type}", content


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    found = Draft202012Validator(whole).iter_errors(value)  # pyright: ignore[reportUnknownMemberType] - a deprecated overload
    return [error.message for error in found]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_body_has_an_example_that_is_as_its_schema_says(operation: str) -> None:
    described = dict(contents(OPERATIONS[operation]))
    assert {name for name, content in described.items() if "example" not in content} == set()
    wrong = {name: faults(content["schema"], content["example"]) for name, content in described.items()}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_the_document_itself_is_whole() -> None:
    text = json.dumps(DOCUMENT)
    named = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named <= DOCUMENT["components"]["schemas"].keys()
    assert {"HTTPValidationError", "ValidationError"}.isdisjoint(DOCUMENT["components"]["schemas"])
    Draft202012Validator.check_schema({"$defs": DOCUMENT["components"]["schemas"]})
    guarded = {name for name, operation in OPERATIONS.items() if operation.get("security") != []}
    assert OPERATIONS.keys() - guarded == {"get /healthz", "get /readyz", "get /metrics"}
    assert all({"401", "403", "421", "429", "500"} <= OPERATIONS[name]["responses"].keys() for name in guarded)


@pytest.mark.parametrize("operation", [("post", path) for _, path in REQUESTS if path != "/v1/documents"])
async def test_the_service_takes_the_example_and_answers_as_described(
    client: httpx.AsyncClient, operation: tuple[str, str]
) -> None:
    _, path = operation
    request = dict(REQUESTS[operation])
    if "model" in request:
        request["model"] = (await client.get("/v1/models")).json()["data"][0]["id"]
    response = await client.post(path, json=request)
    if path == "/v1/feedback":
        assert response.status_code == 204
        return
    described = OPERATIONS[f"post {path}"]["responses"]["200"]["content"]["application/json"]
    assert response.status_code == 200
    assert faults(described["schema"], response.json()) == []
    assert members(response.json()) == members(described["example"])


@pytest.mark.parametrize("path", ["/v1/models", "/v1/documents", "/healthz", "/readyz"])
async def test_what_is_got_is_as_described(client: httpx.AsyncClient, path: str) -> None:
    described = OPERATIONS[f"get {path}"]["responses"]["200"]["content"]["application/json"]
    got = (await client.get(path)).json()
    assert faults(described["schema"], got) == []
    assert got.keys() == described["example"].keys()


async def test_a_stream_has_the_events_of_the_example(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/query", json={**REQUESTS["post", "/v1/query"], "stream": True})
    example = parsed(RESPONSES["post", "/v1/query"]["text/event-stream"])
    came = {name: members(data) for name, data in parsed(response.text)}
    assert came == {name: members(data) for name, data in example}


async def test_the_example_of_an_invalid_request_is_what_comes(client: httpx.AsyncClient) -> None:
    for operation, response in (
        ("post /v1/query", await client.post("/v1/query", json={"query": " "})),
        ("get /v1/documents", await client.get("/v1/documents?cursor=nonsense")),
    ):
        described = OPERATIONS[operation]["responses"]["422"]["content"]["application/problem+json"]["example"]
        assert response.json() == described


def members(value: Any) -> Any:
    """Return the names of an object's members, and of those in them, without the values."""
    match value:
        case {**named}:
            return {name: members(inner) for name, inner in named.items() if name not in {"timings_ms", "usage"}}
        case [first, *_]:
            return members(first)
        case _:
            return None
