"""Uploads files to a running server, which holds the data folder."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast

import aiohttp

from app.ingest.document import SourceFile, UnreadableDocument
from app.ingest.pipeline import IngestOutcome
from app.ports import DependencyUnavailable
from app.rag.access import metadata_of

OnWait: TypeAlias = Callable[[float, str], object]
UPLOAD_TIMEOUT_S = 600
"""Per file: a book of a thousand pages takes a minute to read on a slow machine."""
FILE_REFUSED = frozenset({400, 403, 413, 415, 422})
BUSY = frozenset({429, 503})
PAUSE_S = 5.0
"""Used if a busy server does not say when to come back."""
MAX_PAUSE_S = 90.0
"""Tenant limits free up within 61 s."""
PATIENCE_S = 300.0
"""Total time to wait for one file."""


class RemoteIngestor:
    """Ingests like `Ingestor.ingest`, through `POST /v1/documents`; the server's API key decides the tenant.

    Before it waits for a busy server, it calls `on_wait` with the seconds and the reason.
    """

    def __init__(self, session: aiohttp.ClientSession, server_url: str, on_wait: OnWait) -> None:
        self._session, self._on_wait = session, on_wait
        self._url = f"{server_url.rstrip('/')}/v1/documents"

    async def ingest(self, file: SourceFile) -> IngestOutcome:
        """Raises UnreadableDocument for a file that the server refuses, DependencyUnavailable for anything else."""
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                async with self._session.post(self._url, data=_form(file)) as response:
                    body = await _body(response)
            except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
                reason = f"{self._url} is no web address; write http://HOST:PORT or https://HOST."
                raise DependencyUnavailable("server", reason) from error
            except aiohttp.ClientConnectorError as error:
                raise DependencyUnavailable("server", f"{self._url} cannot be reached: {error}.") from error
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise DependencyUnavailable(
                    "server", f"{self._url} gave no usable answer ({type(error).__name__}); is it a ragspan server?"
                ) from error
            if response.ok:
                return IngestOutcome(
                    doc_id=body["doc_id"], version=body["version"], chunks=body["chunks"], status=body["status"]
                )
            if response.status in FILE_REFUSED:
                raise UnreadableDocument(body["detail"])
            pause_s = _pause_s(response)
            if response.status not in BUSY or time.monotonic() + pause_s > give_up_at:
                raise DependencyUnavailable("server", f"{self._url} answered {response.status}: {body['detail']}")
            self._on_wait(pause_s, body["detail"])
            await asyncio.sleep(pause_s)


def _form(file: SourceFile) -> aiohttp.FormData:
    form = aiohttp.FormData({"source_uri": file.source_uri})
    if file.groups is not None:
        form.add_field("groups", ",".join(file.groups))
    if file.tags is not None:
        form.add_field("metadata", json.dumps(metadata_of(file.tags)))
    form.add_field("file", file.content, filename=file.name, content_type="application/octet-stream")
    return form


async def _body(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return the JSON object of a response; for a busy server, which may be a proxy, always one with a `detail`.

    Raises ValueError if there is none, aiohttp.ClientError or TimeoutError if the response breaks off.
    """
    try:
        body = await response.json(content_type=None)
    except ValueError:
        body = None
    if isinstance(body, dict) and (response.ok or "detail" in body):
        return cast("dict[str, Any]", body)
    if response.status in BUSY:
        return {"detail": f"the server answers {response.status}"}
    raise ValueError("no JSON object")


def _pause_s(response: aiohttp.ClientResponse) -> float:
    """Return how long to leave the server alone; a date in Retry-After is ignored."""
    value = response.headers.get("Retry-After", "")
    return min(float(value), MAX_PAUSE_S) if re.fullmatch("[0-9]{1,9}", value) else PAUSE_S


@asynccontextmanager
async def remote_ingestor(
    server_url: str, api_key: str | None, on_wait: OnWait = lambda _seconds, _reason: None
) -> AsyncGenerator[RemoteIngestor]:
    """Yield an ingestor with an HTTP session of its own."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    timeout = aiohttp.ClientTimeout(total=UPLOAD_TIMEOUT_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield RemoteIngestor(session, server_url, on_wait)
