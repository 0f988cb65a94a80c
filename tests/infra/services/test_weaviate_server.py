"""A real Weaviate server accepts the environment that its component renders, and does what it is meant to say."""

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import pytest

from infra.services.weaviate import READY
from infra.versions import VERSIONS
from tests.infra.services.samples import WEAVIATE, changed, environment, weaviate
from tests.support import parts

pytestmark = pytest.mark.needs("weaviate-server")

KEY = "dummy-key"
PORTS = (
    "CLUSTER_GOSSIP_BIND_PORT",
    "CLUSTER_DATA_BIND_PORT",
    "RAFT_PORT",
    "RAFT_INTERNAL_RPC_PORT",
    "GRPC_PORT",
    "PROMETHEUS_MONITORING_PORT",
)
"""Variables whose ports a test must move, since other servers may run on this machine."""
START_S = 60


def free_ports(count: int) -> list[int]:
    with ExitStack() as sockets:
        bound = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in bound]


def on_this_machine(data: Path, ports: list[int]) -> dict[str, str]:
    """What a cluster would add to the environment, and other ports and folders than a pod's own."""
    return {
        "CLUSTER_HOSTNAME": "weaviate-0",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": KEY,
        "CLUSTER_BASIC_AUTH_USERNAME": "replica",
        "CLUSTER_BASIC_AUTH_PASSWORD": "dummy-password",
        "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
        "CLUSTER_BIND_ADDR": "127.0.0.1",
        "CLUSTER_JOIN": "",
        "PERSISTENCE_DATA_PATH": str(data),
        **{name: str(port) for name, port in zip(PORTS, ports, strict=True)},
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server with the environment of one replica. It starts in `/`, where it may not write."""
    rendered = environment(weaviate(changed(WEAVIATE, replicas=1)), "weaviate")
    http_port, *ports = free_ports(len(PORTS) + 1)
    data = tmp_path_factory.mktemp("weaviate")
    command = [parts.executable("weaviate-server"), "--host", "127.0.0.1", "--port", str(http_port), "--scheme", "http"]
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=rendered | on_this_machine(data, ports), cwd="/", stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until_ready(f"http://127.0.0.1:{http_port}", process, data / "log")
        yield f"http://127.0.0.1:{http_port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while status(url + READY) != HTTPStatus.OK:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Weaviate did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def call(url: str, *, key: str | None = KEY, body: object = None) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url, headers=headers, data=json.dumps(body).encode() if body else None)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def status(url: str) -> int:
    try:
        return call(url, key=None)[0]
    except OSError:
        return 0


def test_the_server_is_of_the_pinned_minor(server: str) -> None:
    running = json.loads(call(f"{server}/v1/meta")[1])["version"]
    pinned = re.search(r":(\d+\.\d+)\.\d+$", VERSIONS.weaviate_image)
    assert pinned
    assert running.startswith(f"{pinned[1]}."), "raise the pin and the server of the tests together"


@pytest.mark.parametrize("key", [None, "another-key"])
def test_a_stranger_is_refused(server: str, key: str | None) -> None:
    assert call(f"{server}/v1/schema", key=key)[0] == HTTPStatus.UNAUTHORIZED


def test_the_holder_of_the_key_may_do_everything(server: str) -> None:
    assert call(f"{server}/v1/schema", body={"class": "Planned"})[0] == HTTPStatus.OK
    assert call(f"{server}/v1/authz/roles")[0] == HTTPStatus.OK, "the key's user is the root user"


def test_a_collection_that_nobody_planned_is_refused(server: str) -> None:
    code, answer = call(f"{server}/v1/objects", body={"class": "Unplanned", "properties": {"a": "b"}})
    assert (code, "not found in schema" in answer) == (HTTPStatus.UNPROCESSABLE_ENTITY, True)


def test_no_module_is_loaded_that_would_call_out(server: str) -> None:
    assert json.loads(call(f"{server}/v1/meta")[1])["modules"] == {}
