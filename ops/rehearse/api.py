"""A client for the parts of the Kubernetes API that a rehearsal uses, over one persistent connection."""

import http.client
import json
import select
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from ops.rehearse.connection import Connection

FIELD_MANAGER = "ragspan-rehearse"
_TIMEOUT_S = 30

Object = Mapping[str, Any]


class Refused(Exception):
    """The API server returned an error; the text is its own message."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Unreachable(OSError):
    """The API server does not answer."""


class UnknownKind(Exception):
    """The API server serves no such kind."""


class Api:
    """One API server; as a context manager it closes the connection. Raises Refused for its errors, and Unreachable."""

    def __init__(self, connection: Connection) -> None:
        address = urlsplit(connection.server)
        self._http = http.client.HTTPSConnection(
            address.hostname or "", address.port, context=connection.tls, timeout=_TIMEOUT_S
        )
        self._headers = {"Authorization": f"Bearer {connection.token}"} if connection.token else {}
        self._resources = cache(self._served)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def require_ready(self) -> None:
        """Raise Refused, naming what is missing, if the API server is not ready."""
        self._send("GET", "/readyz", {})

    def get(self, path: str, **query: str) -> Object:
        return json.loads(self._send("GET", path, query))

    def list(self, path: str, **query: str) -> "list[Object]":
        return list(self.get(path, **query)["items"])

    def create(self, path: str, body: Object) -> Object:
        return json.loads(self._send("POST", path, {"fieldManager": FIELD_MANAGER}, body))

    def apply(self, body: Object, **query: str) -> Object:
        """Apply an object on the server; unknown fields are refused, not dropped. Also raises UnknownKind."""
        metadata = body["metadata"]
        path = self.path_of(body["apiVersion"], body["kind"], metadata.get("namespace", ""), metadata["name"])
        strict = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": "true", **query}
        return json.loads(self._send("PATCH", path, strict, body, "application/apply-patch+yaml"))

    def patch(self, path: str, body: Object) -> Object:
        return json.loads(self._send("PATCH", path, {}, body, "application/strategic-merge-patch+json"))

    def delete(self, path: str, *, now: bool = False) -> None:
        """Delete the object; with `now`, without its grace period. It may already be gone."""
        try:
            self._send("DELETE", path, {"gracePeriodSeconds": "0"} if now else {})
        except Refused as refused:
            if refused.status != http.client.NOT_FOUND:
                raise

    def path_of(self, api_version: str, kind: str, namespace: str = "", name: str = "") -> str:
        """Return the path of an object, or without a name that of its kind. Raises UnknownKind."""
        served = self._resources(api_version).get(kind)
        if served is None:
            raise UnknownKind(f"the API server does not serve {api_version} {kind}")
        plural, namespaced = served
        root = _root(api_version)
        within = f"/namespaces/{namespace or 'default'}" if namespaced else ""
        return f"{root}{within}/{plural}" + (f"/{quote(name)}" if name else "")

    def serves_group(self, api_version: str) -> bool:
        """Whether the server serves any version of the group."""
        try:
            self.get(f"/apis/{api_version.partition('/')[0]}")
        except Refused:
            return False
        return True

    def is_namespaced(self, api_version: str, kind: str) -> bool:
        """Whether objects of this kind are in a namespace. Raises UnknownKind."""
        return "/namespaces/" in self.path_of(api_version, kind)

    def changes(self, path: str, since: str) -> Iterator[tuple[str, Object]]:
        """Yield changes of a path's objects since a list's `resourceVersion`, as (ADDED|MODIFIED|DELETED, object)."""
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": "1"}
        for line in self._send("GET", path, query).splitlines():
            event = json.loads(line)
            yield event["type"], event["object"]

    def _served(self, api_version: str) -> dict[str, tuple[str, bool]]:
        """Return each kind's plural and whether it is in a namespace."""
        try:
            resources = self.get(_root(api_version))["resources"]
        except Refused:
            return {}
        return {r["kind"]: (r["name"], r["namespaced"]) for r in resources if "/" not in r["name"]}

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None = None,
        kind: str = "application/json",
    ) -> bytes:
        target = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body).encode()
        if self._http.sock and select.select([self._http.sock], [], [], 0)[0]:
            self._http.close()  # the server has closed it, as it does after 90 s of silence; the request reconnects
        try:
            self._http.request(method, target, data, {**self._headers, "Content-Type": kind})
            answer = self._http.getresponse()
            text = answer.read()
        except (http.client.HTTPException, OSError) as error:
            self._http.close()
            raise Unreachable(f"{self._http.host}:{self._http.port} does not answer: {error}") from error
        if answer.status >= http.client.BAD_REQUEST:
            raise _refusal(answer.status, text)
        return text


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _refusal(status: int, text: bytes) -> Refused:
    try:
        said: Object = json.loads(text)
    except ValueError:
        return Refused(status, text.decode(errors="replace").strip())
    return Refused(status, str(said.get("message", "")), str(said.get("reason", "")))
