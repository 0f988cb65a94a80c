"""The short way answers what is valid, leaves the rest to FastAPI, and takes no route of which it would skip a part."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import nullcontext
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, Request
from fastapi import routing as fastapi_routing
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Message

from app.api.lean import LeanRoute
from app.api.problems import Problem

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour is the sky?"}
CHAT = {"model": "ragspan-fake-model", "messages": [{"role": "user", "content": "Which colour is the sky?"}]}
TEXT = json.dumps(QUESTION)
JSON = "application/json"


class Body(BaseModel):
    text: str


async def named(request: Request) -> str:
    return request.url.path


def in_a_thread(request: Request) -> str:
    return request.url.path


async def of_another(name: Annotated[str, Depends(named)]) -> str:
    return name


async def never() -> Message:
    raise AssertionError("the body has been read")


async def refuses(request: Request) -> None:
    raise Problem(403, "not you")


async def good(body: Body, request: Request, name: Annotated[str, Depends(named)]) -> Response:
    return Response(f"{name} {body.text}")


async def one_body_too_many(body: Body, other: Body) -> Response:
    return Response()


async def no_body() -> Response:
    return Response()


async def takes_a_parameter(body: Body, page: int) -> Response:
    return Response()


async def depends_on_a_thread(body: Body, name: Annotated[str, Depends(in_a_thread)]) -> Response:
    return Response()


async def depends_deeply(body: Body, name: Annotated[str, Depends(of_another)]) -> Response:
    return Response()


def route_of(endpoint: Callable[..., Any], *checks: Any) -> APIRoute:
    router = APIRouter(dependencies=[Depends(check) for check in checks])
    router.post("/asked")(endpoint)
    route = router.routes[0]
    assert isinstance(route, APIRoute)
    return route


@pytest.mark.parametrize(
    "endpoint", [one_body_too_many, takes_a_parameter, depends_on_a_thread, depends_deeply, no_body]
)
def test_a_route_of_which_a_part_would_be_left_out_is_refused(endpoint: Callable[..., Any]) -> None:
    LeanRoute(route_of(good, named))
    with pytest.raises(LookupError):
        LeanRoute(route_of(endpoint))


async def test_a_check_that_the_router_makes_is_made_before_the_endpoint_runs() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/asked",
        "headers": [],
        "query_string": b"",
    }
    scope |= {"scheme": "http", "server": ("localhost", 80)}
    for checks, status in ((), 200), ((named, refuses), 403):
        await LeanRoute(route_of(good, *checks))(Body(text="hi"), scope, receive, send)
        start, content = sent[-2:]
        assert (start["status"], content["body"] == b"/asked hi") == (status, status == 200)


@pytest.mark.parametrize(
    ("path", "body"), [("/query", QUESTION), ("/v1/query", QUESTION), ("/v1/chat/completions", CHAT)]
)
async def test_a_valid_question_costs_no_solving_of_dependencies(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    with monkeypatch.context() as without:
        without.delattr(fastapi_routing, "solve_dependencies")
        assert (await client.post(path, json=body)).status_code == 200
        assert (await client.post(path, json={**body, "stream": True})).status_code == 200
    metrics = (await client.get("/metrics")).text
    assert f'rag_requests_total{{endpoint="{path}",status="200"}} 2.0' in metrics


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (TEXT.encode("utf-16"), JSON, 200),
        (TEXT.encode(), "application/vnd.x+json", 200),
        (TEXT.encode(), f'{JSON.upper()}; charset="utf-8"', 200),
        (TEXT.encode(), "text/plain", 422),
        (b'{"query": "\\ud800"}', JSON, 422),
        (b'{"query": "a", "top_k": NaN}', JSON, 422),
        (b'{"query": "a"} {}', JSON, 400),
        (b"", JSON, 422),
    ],
)
async def test_what_is_out_of_the_ordinary_is_judged_by_fastapi(
    client: httpx.AsyncClient, content: bytes, content_type: str, status: int
) -> None:
    response = await client.post("/v1/query", content=content, headers={"Content-Type": content_type})
    assert (response.status_code, "answer" in response.text) == (status, status == 200)


@pytest.mark.parametrize("client_is_gone", [False, True])
async def test_what_stands_around_an_answer_is_left_after_it(client_is_gone: bool) -> None:
    said: list[str] = []

    async def around(request: Request) -> AsyncGenerator[None, None]:
        said.append("enter")
        try:
            yield
        finally:
            said.append("leave")

    async def send(message: Message) -> None:
        said.append(message["type"])
        if client_is_gone:
            raise ConnectionError("gone")

    lean = LeanRoute(route_of(good, around))
    scope = {"type": "http", "method": "POST", "path": "/asked", "headers": list[object](), "server": ("x", 80)}
    with pytest.raises(ConnectionError, match="gone") if client_is_gone else nullcontext():
        await lean(Body(text="x"), scope, never, send)
    assert (said[0], said[1], said[-1]) == ("enter", "http.response.start", "leave")
