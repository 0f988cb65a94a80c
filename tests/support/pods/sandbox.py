"""A pod's surroundings from the kernel: its own network, its own view of the file system, a user without rights.

The node's process is root of a user namespace of its own, so no rights on the machine are needed and nothing of it is
touched. What is made here ends with the node.
"""

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.pods.images import ROOT, WORKING_DIRECTORY, Image
from tests.support.pods.objects import Pod

BRIDGE = "pods"
NODE_ADDRESS = "10.88.0.1"
PREFIX_BITS = 16
BRIDGE_MAC = "02:00:00:00:00:01"
"""Without one of its own a bridge takes over a new pod's, and for half a minute the others talk to the old one."""
RUN = Path("/run")
HOSTS = RUN / "hosts"
HOSTS_BYTES = 8192
NO_NAME_SERVER = RUN / "resolv.conf"


def prepare_node() -> None:
    """Make the node's own network and an empty /run, with a table of names that every pod sees as /etc/hosts."""
    _run("mount", "-t", "tmpfs", "tmpfs", str(RUN))
    (RUN / "netns").mkdir()
    NO_NAME_SERVER.touch()
    write_hosts("")
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", BRIDGE, "address", BRIDGE_MAC, "type", "bridge")
    _run("ip", "address", "add", f"{NODE_ADDRESS}/{PREFIX_BITS}", "dev", BRIDGE)
    _run("ip", "link", "set", BRIDGE, "up")


def write_hosts(text: str) -> None:
    """Replace the table of names at once: a reader in between must not find it empty, so its length stays the same."""
    content = text.encode().ljust(HOSTS_BYTES, b"\n")
    assert len(content) == HOSTS_BYTES, "more names than HOSTS_BYTES holds"
    descriptor = os.open(HOSTS, os.O_WRONLY | os.O_CREAT)
    os.pwrite(descriptor, content, 0)
    os.close(descriptor)


def add_address(address: str) -> None:
    """Give the node another address, that of a Service."""
    _run("ip", "address", "add", f"{address}/32", "dev", "lo")


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """The network of a pod under one address, kept while its container restarts."""

    name: str
    address: str

    def create(self) -> None:
        outside = f"to-{self.address.rpartition('.')[2]}"
        _run("ip", "netns", "add", self.name)
        _run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _run("ip", "link", "set", outside, "master", BRIDGE, "up")
        inside = ("ip", "-netns", self.name)
        _run(*inside, "address", "add", f"{self.address}/{PREFIX_BITS}", "dev", "eth0")
        _run(*inside, "link", "set", "lo", "up")
        _run(*inside, "link", "set", "eth0", "up")
        _run(*inside, "route", "add", "default", "via", NODE_ADDRESS)

    def command(self, pod: Pod, image: Image, environment: dict[str, str], folder: Path) -> list[str]:
        """Return a command that becomes the container's process, with exactly these variables."""
        user, group = pod.security["runAsUser"], pod.security["runAsGroup"]
        become = ["unshare", "--user", f"--map-user={user}", f"--map-group={group}", "setpriv", "--no-new-privs"]
        clean = ["env", "--ignore-environment", f"--chdir={WORKING_DIRECTORY}"]
        variables = [f"{name}={value}" for name, value in environment.items()]
        program = shlex.join([*become, *clean, *variables, *image.command_line(pod.container)])
        mounts = _mounts(pod, image, folder)
        script = "\n".join([*map(shlex.join, mounts), f"exec {program}"])
        return ["nsenter", f"--net={RUN}/netns/{self.name}", "unshare", "--mount", "sh", "-ec", script]


def _mounts(pod: Pod, image: Image, folder: Path) -> list[list[str]]:
    files = {HOSTS: "/etc/hosts", NO_NAME_SERVER: "/etc/resolv.conf"}
    binds = [["mount", "--bind", str(own), file] for own, file in files.items() if Path(file).exists()]
    read_only = [["mount", "-o", "remount,bind,ro", "/"]] if pod.security["readOnlyRootFilesystem"] else []
    return [*binds, *([] if image.stand_in else _volumes(pod, folder)), *read_only]


def _volumes(pod: Pod, folder: Path) -> list[list[str]]:
    """Mount a folder at each path of the pod; one that hides this project's files shows them again below it."""
    kept = folder / "project"
    steps = [["mkdir", "-p", str(kept)], ["mount", "--bind", str(ROOT), str(kept)]]
    for path in map(Path, pod.mounts):
        source = folder / path.name
        if not path.exists():
            parent = next(parent for parent in path.parents if parent.exists())
            assert parent != Path("/"), f"{path} cannot be made without touching this machine's root folder"
            steps.append(["mount", "-t", "tmpfs", "tmpfs", str(parent)])
        steps += [["mkdir", "-p", str(source), str(path)], ["mount", "--bind", str(source), str(path)]]
        if ROOT.is_relative_to(path):
            steps += [["mkdir", "-p", str(ROOT)], ["mount", "--bind", str(kept), str(ROOT)]]
    return steps


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
