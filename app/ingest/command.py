"""`ragspan ingest`: adds files and folders to the index, directly or through the server that holds it."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import click

from app.adapters.data_folder import DataFolder, DataFolderInUse
from app.cli import checked_settings, unusable_data_folder
from app.composition import open_adapters
from app.ingest.document import SourceFile, UnreadableDocument
from app.ingest.files import FoundFiles, find_files, read_file
from app.ingest.identity import index_identity
from app.ingest.pipeline import Ingestor, IngestOutcome
from app.ingest.report import FileReport, Report, Telling
from app.ports import ServiceError, StaleVersion
from app.rag.access import parse_groups, tags_of
from app.security.api_keys import require_name
from app.security.principal import DEFAULT_TENANT
from app.settings import Settings
from app.store_choice import store_place

Ingest: TypeAlias = Callable[[SourceFile], Awaitable[IngestOutcome]]
SOME_SKIPPED = 1


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--server", metavar="URL", help="Send the files to this server instead of opening the index here.")
@click.option("--api-key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Key of the server.")
@click.option("--tenant", help=f"Tenant of the documents, else {DEFAULT_TENANT}; a server goes by its key.")
@click.option("--group", "groups", multiple=True, help="Access group of the documents, repeatable; else as before.")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="For filters, repeatable; else as before.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome of each file as JSON.")
def ingest(
    *,
    paths: tuple[Path, ...],
    server: str | None,
    api_key_file: Path | None,
    tenant: str | None,
    groups: tuple[str, ...],
    metadata: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add files, and the files below folders, to the index.

    Text, Markdown, HTML, PDF and DOCX. Running it again adds what is new or changed and leaves the rest alone.
    """
    found = find_files(paths)
    _require_tenant(tenant)
    marked = _marking(groups, metadata)
    api_key = _key_of(api_key_file) if api_key_file else None
    settings = checked_settings()
    try:
        report = asyncio.run(_ingest(found, marked, settings, server, api_key, tenant))
    except ServiceError as error:
        raise click.ClickException(str(error)) from None
    if report.files or not report.failure:
        click.echo(json.dumps(report.as_json(), indent=2) if as_json else "\n".join(report.lines()))
    if report.failure:
        raise click.ClickException(str(report.failure))
    if report.skipped:
        sys.exit(SOME_SKIPPED)


async def _ingest(
    found: FoundFiles,
    marked: Callable[[SourceFile], SourceFile],
    settings: Settings,
    server: str | None,
    api_key: str | None,
    tenant: str | None,
) -> Report:
    """Ingest the files and report on each, up to the one at which the index or its server failed, if one did."""
    started, telling = time.perf_counter(), Telling(len(found.paths))
    files: list[FileReport] = []
    failure: ServiceError | None = None
    async with _target(settings, server, api_key, tenant, telling) as (add, target):
        for path in telling.follow(found.paths):
            try:
                files.append(await _add(path, lambda file: add(marked(file)), settings.max_upload_bytes))
            except ServiceError as error:
                failure = error
                break
            telling.file(files[-1])
    seconds = time.perf_counter() - started
    return Report(target=target, files=tuple(files), ignored=found.ignored, seconds=seconds, failure=failure)


def _require_tenant(tenant: str | None) -> None:
    """Refuse a tenant that no key can open."""
    try:
        require_name("tenant", tenant or DEFAULT_TENANT)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None


def _key_of(file: Path) -> str:
    try:
        key = file.read_bytes().decode("ascii").strip()
    except OSError as error:
        raise click.UsageError(f"--api-key-file {file} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        key = ""
    if len(key.split()) != 1:
        raise click.UsageError(f"--api-key-file {file} holds no key; write into it the key alone.")
    return key


def _marking(groups: tuple[str, ...], metadata: tuple[str, ...]) -> Callable[[SourceFile], SourceFile]:
    """Return a function that sets these groups and metadata on a file, where given."""
    pairs = [pair.partition("=") for pair in metadata]
    if odd := next((key for key, separator, _ in pairs if not separator), None):
        raise click.UsageError(f"--metadata {odd} has no value; write KEY=VALUE.")
    try:
        of_groups = parse_groups(groups) if groups else None
        tags = tags_of({key: value for key, _, value in pairs}) if pairs else None
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    return lambda file: replace(file, groups=of_groups, tags=tags)


async def _add(path: Path, add: Ingest, max_bytes: int) -> FileReport:
    try:
        outcome = await add(read_file(path, max_bytes))
    except UnreadableDocument as error:
        return FileReport(path=str(path), status="skipped", reason=str(error))
    except StaleVersion:
        reason = "The index has a newer version; `touch` the file to make this one the newest."
        return FileReport(path=str(path), status="skipped", reason=reason)
    return FileReport(
        path=str(path), status=outcome.status, doc_id=outcome.doc_id, version=outcome.version, chunks=outcome.chunks
    )


@asynccontextmanager
async def _target(
    settings: Settings, server: str | None, api_key: str | None, tenant: str | None, telling: Telling
) -> AsyncGenerator[tuple[Ingest, str]]:
    """Yield how to ingest and where to: the named server, the one that holds the data folder, or the store itself."""
    async with AsyncExitStack() as stack:
        if not server and settings.vector_store == "embedded":
            try:
                stack.enter_context(DataFolder.acquire(settings.data_dir, None))
            except DataFolderInUse as error:
                if not error.server_url:
                    raise click.ClickException(f"{error} Wait for it to end.") from None
                server = error.server_url
            except OSError as error:
                raise unusable_data_folder(settings, error) from None
        if server:
            if tenant:
                raise click.UsageError(f"--tenant {tenant}: the server at {server} goes by its API key; leave it out.")
            from app.ingest.remote import remote_ingestor  # noqa: PLC0415 - 0.2 s that a local run need not pay

            remote = remote_ingestor(server, api_key, telling.wait)
            yield (await stack.enter_async_context(remote)).ingest, f"server {server}"
            return
        adapters = await stack.enter_async_context(open_adapters(settings))
        await adapters.store.open(index_identity(adapters.embedder))
        ingestor = stack.enter_context(closing(Ingestor(adapters.store, adapters.embedder)))
        place = f"{settings.vector_store} store at {store_place(settings)}"
        yield partial(ingestor.ingest, tenant or DEFAULT_TENANT), place
