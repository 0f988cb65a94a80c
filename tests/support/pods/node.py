"""A node with a cluster's worth of pods, as a process in namespaces of its own; `cluster.py` starts it and talks to it.

Standard input has one JSON object a line: first what to run, then commands. Standard output has the state of the pods,
one JSON object a line, whenever it changes. At the end of the input everything ends with this process.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from tests.support.pods import sandbox
from tests.support.pods.environment import Secrets, environment
from tests.support.pods.images import image_of, images
from tests.support.pods.kubelet import PodRun
from tests.support.pods.objects import Service, pods_of
from tests.support.pods.relay import Endpoint, Relay
from tests.support.pods.sandbox import Sandbox


class Node:
    """Runs the pods of the given objects; a pod that returns gets a new address, and the data it had."""

    def __init__(self, manifests: list[Mapping[str, Any]], secrets: Secrets, logs: Path, out: TextIO) -> None:
        workloads = [body for body in manifests if body["kind"] in {"Deployment", "StatefulSet"}]
        self.pods = {pod.name: pod for body in workloads for pod in pods_of(body)}
        services = [Service.of(body) for body in manifests if body["kind"] == "Service"]
        self._services = {service.name: service for service in services}
        self.runs: dict[str, PodRun] = {}
        self._servers: list[asyncio.Server] = []
        self._secrets, self._logs, self._out = secrets, logs, out
        self._images = images()
        self._pod_addresses = (f"10.88.1.{number}" for number in count(1))
        self._service_addresses = {
            service.name: f"10.88.2.{number}" for number, service in enumerate(services, 1) if not service.headless
        }

    async def start(self, forwards: Mapping[str, list[Any]]) -> None:
        """Start everything at once. `forwards` has a Service or pod and its port, by a listening descriptor."""
        sandbox.prepare_node()
        for service in self._services.values():
            if address := self._service_addresses.get(service.name):
                sandbox.add_address(address)
                for port in service.ports:
                    await self._serve(service.name, port, socket.create_server((address, port)))
        for descriptor, (name, port) in forwards.items():
            await self._serve(name, port, socket.socket(fileno=int(descriptor)))
        for name in self.pods:
            self.run(name)

    async def _serve(self, name: str, port: int, listening: socket.socket) -> None:
        relay = Relay(partial(self._endpoints, name, port))
        self._servers.append(await relay.listen(listening))

    def _endpoints(self, name: str, port: int) -> list[Endpoint]:
        """Where a connection to this port of a Service or a pod may go now."""
        if name in self.pods:
            return [(run.address, port) for run in [self.runs.get(name)] if run]
        service = self._services[name]
        runs = [run for run in self.runs.values() if run.ready and service.selects(run.pod)]
        return [(run.address, run.pod.ports[service.ports[port]]) for run in runs]

    def run(self, name: str) -> None:
        """Start a pod in a sandbox of its own."""
        pod, address = self.pods[name], next(self._pod_addresses)
        image = image_of(pod.container["image"], self._images)
        box = Sandbox(name=f"{name}-at-{address}", address=address)
        box.create()
        folder = sandbox.RUN / "pods" / name
        command = box.command(pod, image, environment(pod, image, self._secrets), folder)
        self.runs[name] = PodRun(pod, address, command, self._logs / f"{name}.log", self._changed)
        self._changed()

    async def lose(self, name: str) -> None:
        """SIGKILL a pod's process; it stays away."""
        await self.runs.pop(name).lose()
        self._changed()

    def _changed(self) -> None:
        sandbox.write_hosts("\n".join(self._names()))
        self._out.write(json.dumps({name: _state(run) for name, run in self.runs.items()}) + "\n")
        self._out.flush()

    def _names(self) -> list[str]:
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        for service in self._services.values():
            addresses = [self._service_addresses.get(service.name)] if not service.headless else self._members(service)
            lines += [f"{address} {' '.join(service.names)}" for address in addresses]
        return lines

    def _members(self, service: Service) -> list[str]:
        runs = [run for run in self.runs.values() if service.selects(run.pod)]
        return [run.address for run in runs if run.ready or service.publishes_unready]


def _state(run: PodRun) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "address": run.address,
        "started": run.started,
        "ready": run.ready,
        "restarts": run.restarts,
    }
    if run.started:
        shown["environment"] = _words(run.pid, "environ")
        shown["command"] = _words(run.pid, "cmdline")
    return shown


def _words(pid: int, what: str) -> list[str]:
    """Return what the kernel says of a process; nothing if it has just ended."""
    try:
        return Path(f"/proc/{pid}/{what}").read_text().split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


async def main() -> None:
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    given = json.loads(await reader.readline())
    node = Node(given["manifests"], given["secrets"], Path(given["logs"]), sys.stdout)
    await node.start(given["forwards"])
    while line := await reader.readline():
        match json.loads(line):
            case {"kill": name}:
                node.runs[name].kill()
            case {"lose": name}:
                await node.lose(name)
            case {"run": name}:
                node.run(name)
            case other:
                raise ValueError(other)


if __name__ == "__main__":
    asyncio.run(main())
