"""One copy of the project for the lives of the shipped stacks, and a fresh one for each test with its own program."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.config.cluster import ExistingCluster
from infra.config.load import from_file, stack_files
from tests.support.engine.cloud import Cloud
from tests.support.engine.language import LanguageHost
from tests.support.engine.lives import Life
from tests.support.engine.provider import Provider
from tests.support.engine.serving import serving
from tests.support.engine.workspace import Workspace, copy_project


@dataclass(frozen=True, kw_only=True)
class StandIns:
    """The cloud that the stand-in provider fills, and the port where the stand-ins listen."""

    cloud: Cloud
    port: int


@pytest.fixture(scope="session")
def stand_ins() -> Generator[StandIns]:
    cloud, host = Cloud(), LanguageHost()
    with serving(provider=Provider(cloud), language=host) as port:
        yield StandIns(cloud=cloud, port=port)
        host.stop()


@pytest.fixture(scope="session")
def life(stand_ins: StandIns, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Life]:
    """The life of a shipped stack, the same for every test that asks."""
    folder = tmp_path_factory.mktemp("stacks")
    copy_project(folder)
    workspace = Workspace(folder=folder, port=stand_ins.port)
    lives: dict[str, Life] = {}

    def of(stack: str) -> Life:
        if stack not in lives:
            config = from_file(stack_files()[stack])
            lives[stack] = Life(
                stack=workspace.stack(stack),
                cloud=stand_ins.cloud,
                is_own_cluster=not isinstance(config.cluster, ExistingCluster),
                is_protected=config.vector_store.protect,
            )
        return lives[stack]

    return of


@pytest.fixture
def workspace(stand_ins: StandIns, tmp_path: Path) -> Callable[..., Workspace]:
    """A copy of the project for one test: `workspace()`, or `workspace("a_program")` of `programs/` in its place."""

    def make(program: str = "") -> Workspace:
        copy_project(tmp_path, program)
        stand_ins.cloud.live.clear()
        return Workspace(folder=tmp_path, port=stand_ins.port)

    return make
