"""What the Dockerfile promises, as far as it can be seen without a container engine."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text()).splitlines()
STAGES = [index for index, line in enumerate(LINES) if line.startswith("FROM ")]
FINAL = LINES[STAGES[-1] :]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names in the wheel that the image's build step makes of the files which the Dockerfile copies."""
    folder = tmp_path_factory.mktemp("src")
    copies = [line.split()[1:] for line in LINES if line.startswith("COPY ") and "--from" not in line]
    for source in [path for *sources, _ in copies for path in sources if not path.startswith("requirements/")]:
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, folder / source)
    command = [str(Path(sys.executable).with_name("hatchling")), "build", "--target", "wheel"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("dist/*.whl"))) as archive:
        return archive.namelist()


def test_every_base_image_is_pinned_by_tag_and_digest() -> None:
    assert all(re.match(r"FROM \S+:\d+\.\d+\.\d+\S*@sha256:[0-9a-f]{64}( AS \w+)?$", LINES[index]) for index in STAGES)


def test_the_service_runs_as_a_user_without_rights() -> None:
    users = [line for line in FINAL if line.startswith("USER ")]
    assert users == ["USER 65532:65532"]


def test_the_final_stage_installs_nothing() -> None:
    assert [line for line in FINAL if re.search(r"\b(pip|uv|apt-get|hatchling)\b", line)] == []


def test_every_package_comes_from_a_lock_with_hashes() -> None:
    installs = [step for line in LINES for step in line.split("&&") if re.search(r"pip (install|sync)", step)]
    own_wheel = [step for step in installs if "dist/*.whl" in step and "--no-deps" in step]
    assert len(own_wheel) == 1
    locked = [step for step in installs if "--require-hashes -r requirements/" in step or "sync" in step]
    assert len(installs) == len(locked) + len(own_wheel)


def test_the_wheel_holds_the_service_with_its_page_and_not_the_infrastructure(wheel: list[str]) -> None:
    assert {name.split("/")[0] for name in wheel if "dist-info" not in name} == {"app", "ragspan"}
    assert any(name.endswith("page.html") for name in wheel)
    assert any(name.endswith("entry_points.txt") for name in wheel)


def test_the_build_context_carries_only_what_the_dockerfile_copies() -> None:
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = {
        path for line in LINES if line.startswith("COPY ") and "--from" not in line for path in line.split()[1:-1]
    }
    assert allowed == copied
