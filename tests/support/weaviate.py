"""A real Weaviate server on loopback for tests: one node, API key required, ended by its own process."""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import httpx

from tests.support.parts import executable

READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WeaviateServer:
    http_url: str
    grpc_port: int
    api_key: str = field(repr=False)
    pid: int

    def stop(self) -> None:
        """Return when each of its threads stands still: on a busy machine one may go on answering for a moment."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@contextmanager
def weaviate_server(directory: Path) -> Generator[WeaviateServer]:
    """Start a server that keeps its data and its log in `directory`; wait until it is ready; end it afterwards."""
    http, grpc, raft, raft_rpc = (_free_port() for _ in range(4))
    key = secrets.token_urlsafe(24)
    command = [executable("weaviate-server"), "--host", "127.0.0.1", "--port", str(http), "--scheme", "http"]
    with (directory / "weaviate.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=_environment(directory, grpc, raft, raft_rpc, key), stdout=log, stderr=log, cwd=directory
        )
    try:
        url = f"http://127.0.0.1:{http}"
        _wait_until_ready(f"{url}/v1/.well-known/ready", process, directory / "weaviate.log")
        yield WeaviateServer(http_url=url, grpc_port=grpc, api_key=key, pid=process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def empty(server: WeaviateServer, prefix: str) -> None:
    """Remove every tenant from a store's collections: to create those anew for each test would take seconds."""
    headers = {"Authorization": f"Bearer {server.api_key}"}
    async with httpx.AsyncClient(base_url=server.http_url, headers=headers) as client:
        for name in (f"{prefix}Chunk", f"{prefix}Document"):
            address = f"/v1/schema/{name}/tenants"
            found = await client.get(address)
            if found.is_success:
                tenants = [tenant["name"] for tenant in found.json()]
                (await client.request("DELETE", address, json=tenants)).raise_for_status()


def _environment(directory: Path, grpc: int, raft: int, raft_rpc: int, key: str) -> dict[str, str]:
    gossip = _free_port(pair=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "PERSISTENCE_DATA_PATH": str(directory / "data"),
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": key,
        "AUTHENTICATION_APIKEY_USERS": "ragspan",
        "AUTHORIZATION_ADMINLIST_ENABLED": "true",
        "AUTHORIZATION_ADMINLIST_USERS": "ragspan",
        "AUTOSCHEMA_ENABLED": "false",
        "DEFAULT_VECTORIZER_MODULE": "none",
        "DISABLE_TELEMETRY": "true",
        "GO_PROFILING_DISABLE": "true",
        "GRPC_PORT": str(grpc),
        "CLUSTER_HOSTNAME": "node0",
        "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
        "CLUSTER_BIND_ADDR": "127.0.0.1",
        "CLUSTER_GOSSIP_BIND_PORT": str(gossip),
        "CLUSTER_DATA_BIND_PORT": str(gossip + 1),
        "RAFT_BOOTSTRAP_EXPECT": "1",
        "RAFT_PORT": str(raft),
        "RAFT_INTERNAL_RPC_PORT": str(raft_rpc),
    }


def _free_port(*, pair: bool = False) -> int:
    """A port that is free now; with `pair`, the next one is too (Weaviate's data port follows its gossip port)."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            with suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1 if pair else 0))
                return port


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"Weaviate did not become ready; its log ends:\n{log.read_text()[-2000:]}")
