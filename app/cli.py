"""Commands of the answer service: `serve` and `key`; `ingest` is in app/ingest/command.py."""

import json
import signal
import socket
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from app.security.principal import ApiScope
    from app.settings import Settings

BAD_INPUT = 2


@click.command()
def serve() -> None:
    """Serve the page and the API at RAGSPAN_HOST and RAGSPAN_PORT, by default 127.0.0.1:8000.

    Every setting is an environment variable; docs/reference/settings.md lists them.
    """
    from app.lean_start import prepare_start  # noqa: PLC0415

    prepare_start()
    settings = checked_settings()
    with _bound_socket(settings) as bound:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"http://{host}:{bound.getsockname()[1]}"
        with _data_folder(settings, url):
            _run(settings, bound, url)


@click.command()
@click.argument("name")
@click.option("--tenant", default="default", show_default=True, help="Tenant whose documents the key opens.")
@click.option(
    "--group", "groups", multiple=True, help="Access group of its holder, repeatable; none: sees every document."
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["query", "ingest", "admin"]),
    help="What its holder may do, repeatable: ask and read, add documents, delete them; none: everything.",
)
@click.option("--json", "as_json", is_flag=True, help="Print both as JSON.")
def key(*, name: str, tenant: str, groups: tuple[str, ...], scopes: tuple["ApiScope", ...], as_json: bool) -> None:
    """Make an API key for NAME; it is shown once, the service keeps its hash."""
    from app.security.api_keys import key_entry, new_key  # noqa: PLC0415

    fresh = new_key()
    try:
        entry = key_entry(name, tenant, fresh, groups, scopes)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "key": fresh, "entry": entry}, indent=2))
        return
    click.echo(f"Key, for {name}; it cannot be shown again:\n  {fresh}")
    click.echo(f"Entry for RAGSPAN_API_KEYS, where white space or a comma separates entries:\n  {entry}")


def checked_settings() -> "Settings":
    """Return the settings, or print one sentence for each fault and end with status 2."""
    from app.settings import SettingsError, load_settings  # noqa: PLC0415

    try:
        return load_settings()
    except SettingsError as error:
        for sentence in error.problems:
            click.echo(f"Error: {sentence}", err=True)
        sys.exit(BAD_INPUT)


def _bound_socket(settings: "Settings") -> socket.socket:
    from app.serving.server import bind  # noqa: PLC0415

    try:
        return bind(settings.host, settings.port)
    except OSError as error:
        raise click.ClickException(
            f"nothing can listen on RAGSPAN_HOST={settings.host} RAGSPAN_PORT={settings.port} "
            f"({error.strerror or 'no such address'}); end what holds it or set another RAGSPAN_PORT."
        ) from None


def _data_folder(settings: "Settings", url: str) -> AbstractContextManager[object]:
    """Hold the data folder of the embedded store, so that no second process writes to it."""
    if settings.vector_store != "embedded":
        return nullcontext()
    from app.adapters.data_folder import DataFolder, DataFolderInUse  # noqa: PLC0415

    try:
        return DataFolder.acquire(settings.data_dir, url)
    except DataFolderInUse as error:
        raise click.ClickException(f"{error}") from None
    except OSError as error:
        raise unusable_data_folder(settings, error) from None


def unusable_data_folder(settings: "Settings", error: OSError) -> click.ClickException:
    return click.ClickException(
        f"RAGSPAN_DATA_DIR={settings.data_dir} cannot be used ({error.strerror}); "
        "set it to a folder that this user may write."
    )


def _run(settings: "Settings", bound: socket.socket, url: str) -> None:
    from app.main import create_app  # noqa: PLC0415
    from app.serving.server import DrainingServer  # noqa: PLC0415
    from app.telemetry.logs import configure_logs  # noqa: PLC0415

    configure_logs(settings.log_level)
    app = create_app(settings)
    server = DrainingServer(
        app,
        drain_s=settings.request_timeout_s,
        on_ready=lambda: click.echo(f"ragspan serves on {url} (Ctrl+C ends it)"),
        on_drain=app.state.readiness.drain,
    )
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, signal.SIG_IGN)  # uvicorn takes them over, and when it is done raises them again
    server.run([bound])
