"""Rendered pods as real processes, for a test: started together, seen through their own probes, ended with the block.

    with running_pods(manifests, secrets, folder, forward={"rag-api": 80}) as cluster:
        cluster.wait_until_ready(8)
        ... cluster.urls["rag-api"] ... cluster.lose("weaviate-1") ...

What it does not show: placement, limits of memory and CPU, network policies, an ordered stop. Data lies in memory.
"""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from tests.support import parts
from tests.support.pods.environment import Secrets
from tests.support.pods.images import ROOT

READY_TIMEOUT_S = 170
STOP_TIMEOUT_S = 10

States = Mapping[str, Mapping[str, Any]]
"""What is known of each pod, by its name; a lost one is not there."""


class Cluster:
    """The running pods. `urls` has the address, on this machine's loopback, of each Service or pod forwarded to."""

    def __init__(self, process: subprocess.Popen[str], urls: Mapping[str, str], logs: Path) -> None:
        self.urls = urls
        self.pods: States = {}
        self._process, self._logs = process, logs
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._news:
                self.pods = json.loads(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def kill(self, pod: str) -> None:
        """SIGKILL a pod's process and wait until it is restarted, as it then is, in its place."""
        restarts = self.pods[pod]["restarts"]
        self._command({"kill": pod})
        self.wait_until(lambda pods: pods[pod]["restarts"] > restarts)

    def lose(self, pod: str) -> None:
        """SIGKILL a pod's process and wait until it is gone; it is not restarted."""
        self._command({"lose": pod})
        self.wait_until(lambda pods: pod not in pods)

    def run(self, pod: str) -> None:
        """Start a lost pod under a new address, with the data it had."""
        self._command({"run": pod})
        self.wait_until(lambda pods: pod in pods)

    def wait_until_ready(self, count: int, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until so many pods are ready by their probes."""
        self.wait_until(lambda pods: sum(pod["ready"] for pod in pods.values()) == count, timeout_s)

    def wait_until(self, condition: Callable[[States], bool], timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait for a state of the pods. Raises AssertionError, with the ends of their logs, if it does not come."""
        with self._news:
            self._news.wait_for(lambda: condition(self.pods) or self._process.poll() is not None, timeout_s)
            assert condition(self.pods), self._account()

    def _account(self) -> str:
        states = [f"{name}: {pod['started']=} {pod['ready']=} {pod['restarts']=}" for name, pod in self.pods.items()]
        logs = [f"{log.name} ends:\n{log.read_text()[-1500:]}" for log in sorted(self._logs.glob("*.log"))]
        return "\n".join(["The pods did not come so far.", *states, *logs])

    def _command(self, command: Mapping[str, str]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()


@contextmanager
def running_pods(
    manifests: Sequence[Mapping[str, Any]], secrets: Secrets, logs: Path, forward: Mapping[str, int]
) -> Generator[Cluster]:
    """Run the pods of these objects; `forward` has the port of each Service or pod that the test wants to reach."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in forward]
        errors = stack.enter_context((logs / "node.log").open("w"))
        command = ["unshare", *parts.NAMESPACES, sys.executable, "-m", "tests.support.pods.node"]
        process = stack.enter_context(_ended(command, sockets, errors))
        given = {
            "manifests": list(manifests),
            "secrets": secrets,
            "logs": str(logs),
            "forwards": {str(bound.fileno()): to for bound, to in zip(sockets, forward.items(), strict=True)},
        }
        assert process.stdin
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        ports = [bound.getsockname()[1] for bound in sockets]
        urls = {name: f"http://127.0.0.1:{port}" for name, port in zip(forward, ports, strict=True)}
        cluster = Cluster(process, urls, logs)
        cluster.wait_until(bool)
        yield cluster


@contextmanager
def _ended(command: list[str], sockets: Sequence[socket.socket], errors: IO[str]) -> Generator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command,
        cwd=ROOT,
        pass_fds=[bound.fileno() for bound in sockets],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
