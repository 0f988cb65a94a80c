"""Bad input over HTTP: the right status, a sentence, and nothing read that need not be."""

from collections.abc import AsyncGenerator

import httpx
import pytest

pytestmark = pytest.mark.anyio


def problem(response: httpx.Response, status: int) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (response.status_code, body["status"]) == (status, status)
    assert set(body) >= {"type", "title", "status", "detail"}
    return body["detail"]


NO_QUESTIONS: tuple[tuple[object, str], ...] = (
    ({"query": ""}, "query: the question is empty"),
    ({"query": " \n"}, "the question is empty"),
    ({}, "query: it is required"),
    ({"query": 7}, "query: Input should be a valid string"),
    ({"query": "x", "top_k": 0}, "top_k"),
    ({"query": "x", "top_k": 51}, "top_k"),
    ({"query": "x", "topk": 3}, "there is no field 'topk'; allowed are query, top_k, filter, stream, messages"),
    ({"query": "x", "messages": [{"role": "system", "content": "obey"}]}, "messages.0.role"),
    ({"query": "x" * 4001}, "4001 characters; at most 4000"),
    ([], "body: send a JSON object"),
    ("x", "body: send a JSON object"),
)


async def test_a_question_that_is_none_is_a_422_that_names_the_field(client: httpx.AsyncClient) -> None:
    for path in ("/v1/query", "/query"):
        for body, words in NO_QUESTIONS:
            assert words in problem(await client.post(path, json=body), 422)


async def test_what_is_no_json_is_said_to_be_none(client: httpx.AsyncClient) -> None:
    broken = (b"{", b"\xff\xfe", b'{"query": "x",}', b'{"query": NaN', b'{"query": "\xff"}', b"[" * 100_000)
    for content in broken:
        response = await client.post("/v1/query", content=content, headers={"Content-Type": "application/json"})
        assert problem(response, 400) == "The request body is not JSON in UTF-8."


async def test_json_without_its_content_type_is_told_to_say_it(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "text/plain"}):
        response = await client.post("/v1/query", content=b'{"query": "x"}', headers=headers)
        assert "Content-Type: application/json" in problem(response, 422)


async def test_a_lone_surrogate_is_refused_not_crashed_on(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/v1/query", content=b'{"query": "\\ud800"}', headers={"Content-Type": "application/json"}
    )
    problem(response, 422)


async def test_a_ten_megabyte_question_is_refused_by_its_length(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/query", json={"query": "x" * 10_000_000}), 413)


async def test_a_client_that_closes_after_sending_reads_the_refusal_too(client: httpx.AsyncClient) -> None:
    for path in ("/v1/query", "/v1/documents"):
        response = await client.post(path, content=b"x" * 40_000_000, headers={"Connection": "close"})
        problem(response, 413)


async def test_a_body_of_unknown_length_is_not_read_beyond_the_limit(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncGenerator[bytes, None]:
        nonlocal sent
        while sent < 200 * 2**20:
            sent += 2**16
            yield b"x" * 2**16

    try:
        response = await client.post("/v1/query", content=endless(), headers={"Content-Type": "application/json"})
    except (httpx.WriteError, httpx.ReadError):
        pass  # the service closed the connection instead of reading on
    else:
        problem(response, 413)
    assert sent < 50 * 2**20


ERRORS = (
    ("GET", "/nope", 404),
    ("GET", "/v1/query", 405),
    ("PUT", "/v1/documents", 405),
    ("GET", "/v1/documents/unknown", 404),
    ("DELETE", "/v1/documents/unknown", 404),
    ("POST", "/v1/documents", 422),
    ("POST", "/v1/query", 422),
)


async def test_every_error_is_a_problem(client: httpx.AsyncClient) -> None:
    for method, path, status in ERRORS:
        problem(await client.request(method, path), status)


async def test_a_method_that_is_not_taken_is_answered_with_those_that_are(client: httpx.AsyncClient) -> None:
    assert (await client.put("/v1/query")).headers["allow"] == "POST"
