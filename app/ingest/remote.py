"""Handing files to a running server, which holds the data folder."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp

from app.ingest.document import SourceFile, UnreadableDocument
from app.ingest.pipeline import IngestOutcome
from app.ports import DependencyUnavailable
from app.rag.access import metadata_of

UPLOAD_TIMEOUT_S = 600
"""For one file: a book of a thousand pages takes a minute to read on a slow machine."""
_FILE_REFUSED = {400, 403, 413, 415, 422}


class RemoteIngestor:
    """Does what `Ingestor.ingest` does by `POST /v1/documents`; the server's API key decides the tenant."""

    def __init__(self, session: aiohttp.ClientSession, server_url: str) -> None:
        self._session = session
        self._url = f"{server_url.rstrip('/')}/v1/documents"

    async def ingest(self, file: SourceFile) -> IngestOutcome:
        """Raises UnreadableDocument for a file that the server refuses, DependencyUnavailable for anything else."""
        form = aiohttp.FormData({"source_uri": file.source_uri})
        if file.groups is not None:
            form.add_field("groups", ",".join(file.groups))
        if file.tags is not None:
            form.add_field("metadata", json.dumps(metadata_of(file.tags)))
        form.add_field("file", file.content, filename=file.name, content_type="application/octet-stream")
        try:
            async with self._session.post(self._url, data=form) as response:
                body = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise DependencyUnavailable(
                "server", f"{self._url} gave no usable answer ({type(error).__name__}); is it a ragspan server?"
            ) from error
        if response.status in _FILE_REFUSED:
            raise UnreadableDocument(body["detail"])
        if not response.ok:
            raise DependencyUnavailable("server", f"{self._url} answered {response.status}: {body['detail']}")
        return IngestOutcome(
            doc_id=body["doc_id"], version=body["version"], chunks=body["chunks"], status=body["status"]
        )


@asynccontextmanager
async def remote_ingestor(server_url: str, api_key: str | None) -> AsyncGenerator[RemoteIngestor]:
    """Yield an ingestor on an HTTP session of its own."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    timeout = aiohttp.ClientTimeout(total=UPLOAD_TIMEOUT_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield RemoteIngestor(session, server_url)
