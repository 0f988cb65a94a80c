"""A short way to the routes that answer questions.

FastAPI's own way matches the route, opens exit stacks, resolves dependencies and validates: for a question that costs
as much as its search. Here a well-formed request goes straight to the same endpoint, after the same dependencies. Any
other request, e.g. one with an invalid body, takes FastAPI's way, which knows how to explain what is wrong.
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import response_to

JSON = b"application/json"


class LeanRoute:
    """A route with one JSON body, whose dependencies take only the request, and which returns a Response.

    Raises LookupError for any other route, because what is left out here would never be checked.
    """

    def __init__(self, route: APIRoute) -> None:
        dependant = route.dependant
        bodies = dependant.body_params
        model = bodies[0].field_info.annotation if len(bodies) == 1 else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or _parameters(dependant):
            raise LookupError(f"{route.path} takes more than one JSON body, or something else")
        self.path, self.model = route.path, model
        self._endpoint: Callable[..., Any] = route.endpoint
        self._body_name, self._request_name = bodies[0].name, dependant.request_param_name
        self._dependencies = [_dependency(needed, route.path) for needed in dependant.dependencies]

    async def __call__(self, body: BaseModel, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        arguments: dict[str, Any] = {self._body_name: body}
        if self._request_name:
            arguments[self._request_name] = request
        around: list[AsyncGenerator[Any, None]] = []
        try:
            try:
                for name, call, is_context in self._dependencies:
                    given = call(request)
                    if is_context:
                        around.append(given)
                    value = await (anext(given) if is_context else given)
                    if name:
                        arguments[name] = value
                response = await self._endpoint(**arguments)
                assert isinstance(response, Response), f"{self.path} returns something else"  # noqa: S101
            except Exception as error:  # noqa: BLE001 - as FastAPI's handlers do
                response = response_to(error)
            await response(scope, receive, send)
        finally:
            for context in reversed(around):
                await context.aclose()


def _parameters(dependant: Dependant) -> bool:
    """Say whether it takes parts of the request that only FastAPI can extract."""
    fields = (dependant.path_params, dependant.query_params, dependant.header_params, dependant.cookie_params)
    names = (dependant.response_param_name, dependant.background_tasks_param_name, dependant.security_scopes_param_name)
    return any(fields) or any(names)


def _dependency(needed: Dependant, path: str) -> tuple[str | None, Callable[[Request], Any], bool]:
    """Return the argument's name, the function that provides it, and whether that is a context around the answer."""
    call: Callable[[Request], Any] | None = needed.call
    is_context = isasyncgenfunction(call)
    takes_request_alone = needed.request_param_name and not (
        needed.dependencies or needed.body_params or _parameters(needed)
    )
    if not call or not takes_request_alone or not (is_context or iscoroutinefunction(call)):
        raise LookupError(f"{path} depends on {call}, which is not async or takes more than the request")
    return needed.name, call, is_context


class LeanRoutes:
    """The innermost ASGI middleware: takes valid requests for its routes past FastAPI's router."""

    def __init__(self, app: ASGIApp, routes: Iterable[APIRoute]) -> None:
        self.app = app
        self._routes = {route.path: LeanRoute(route) for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if not route or not _is_json(scope):
            return await self.app(scope, receive, send)
        messages, body = await _read(receive)
        try:
            asked = route.model.model_validate_json(body)
        except ValidationError:
            return await self.app(scope, _again(messages, receive), send)
        return await route(asked, scope, receive, send)


def _is_json(scope: Scope) -> bool:
    types: list[bytes] = [value for name, value in scope["headers"] if name == b"content-type"]
    return len(types) == 1 and types[0].partition(b";")[0].strip().lower() == JSON


async def _read(receive: Receive) -> tuple[list[Message], bytes]:
    """Return a body's messages and its content, which is empty if the client left before its end."""
    messages: list[Message] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] == "http.disconnect":
            return messages, b""
        if not message.get("more_body", False):
            return messages, b"".join(part.get("body", b"") for part in messages)


def _again(messages: list[Message], receive: Receive) -> Receive:
    left = iter(messages)

    async def replay() -> Message:
        for message in left:
            return message
        return await receive()

    return replay
