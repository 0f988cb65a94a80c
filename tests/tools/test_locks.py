"""The locks pin what pyproject.toml asks for, each file by its hash, and name no package index."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.settings.index import CLIENT_MODULES
from bench.answer.entries import PEERS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
LOCKS = {
    "requirements/dev.txt": list(EXTRAS),
    "requirements/app.txt": ["app"],
    **{f"requirements/app-{store}.txt": ["app", store] for store in CLIENT_MODULES},
    "stacks/requirements.txt": ["infra"],
}
INDEX_HOSTS = ("pypi" + ".org", "python" + "hosted", "npmjs" + ".", "proxy.golang" + ".", "deb.debian" + ".")


def entries(lock: str) -> list[str]:
    """The entries of a lock, each with its continuation lines, without comments."""
    lines = [line for line in (ROOT / lock).read_text().splitlines() if not line.lstrip().startswith("#")]
    return re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()


def pins(lock: str) -> dict[str, set[str]]:
    """Versions that a lock pins, by package; one package may have several, for different machines."""
    found: dict[str, set[str]] = {}
    for entry in entries(lock):
        requirement = Requirement(entry.split("--hash")[0])
        found.setdefault(canonicalize_name(requirement.name), set()).add(str(requirement.specifier).removeprefix("=="))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_what_the_project_asks_for(lock: str) -> None:
    pinned = pins(lock)
    for line in PROJECT["dependencies"] + [line for extra in LOCKS[lock] for line in EXTRAS[extra]]:
        requirement = Requirement(line)
        versions = pinned.get(canonicalize_name(requirement.name), set())
        assert versions, f"{lock} lacks {requirement.name}: run `make lock`"
        assert all(requirement.specifier.contains(v) for v in versions), (
            f"{lock} has {versions} for {line}: `make lock`"
        )


@pytest.mark.parametrize("lock", list(LOCKS)[1:])
def test_a_smaller_lock_pins_the_versions_that_are_tested(lock: str) -> None:
    tested = pins("requirements/dev.txt")
    assert {name: versions for name, versions in pins(lock).items() if tested.get(name) != versions} == {}


def test_the_image_carries_no_cloud_sdk() -> None:
    assert [name for name in pins("requirements/app.txt") if name.startswith("pulumi")] == []


APART = [f"requirements/{name}.txt" for name in ("build", "parliament", "live-llm")]
FRAMEWORKS = [f"requirements/{entry.environment}.txt" for entry in PEERS.values()]


@pytest.mark.parametrize("lock", [*LOCKS, *APART, *FRAMEWORKS])
def test_every_entry_of_a_lock_carries_hashes(lock: str) -> None:
    assert [entry for entry in entries(lock) if "--hash=sha256:" not in entry] == []


def test_no_tracked_file_names_a_package_index() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert "uv.lock" not in listed
    texts = {name: (ROOT / name).read_bytes().decode(errors="ignore") for name in listed if (ROOT / name).is_file()}
    assert [(name, host) for name, text in texts.items() for host in INDEX_HOSTS if host in text] == []
