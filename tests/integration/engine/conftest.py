"""One copy of the project for the lives of the shipped stacks, and a fresh one for each test with its own program."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
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


@contextmanager
def stand_ins(cloud: Cloud) -> Generator[int]:
    """Serve stand-ins that fill this cloud; gives their port, and leaves no child behind."""
    host = LanguageHost()
    with serving(provider=Provider(cloud), language=host) as port:
        try:
            yield port
        finally:
            host.stop()


@pytest.fixture(scope="session")
def life(tmp_path_factory: pytest.TempPathFactory) -> Generator[Callable[[str], Life]]:
    """The life of a shipped stack, the same for every test that asks."""
    folder, cloud = tmp_path_factory.mktemp("stacks"), Cloud()
    copy_project(folder)
    lives: dict[str, Life] = {}

    def of(stack: str) -> Life:
        if stack not in lives:
            config = from_file(stack_files()[stack])
            lives[stack] = Life(
                stack=workspace.stack(stack),
                cloud=cloud,
                is_own_cluster=not isinstance(config.cluster, ExistingCluster),
                is_protected=config.vector_store.protect,
            )
        return lives[stack]

    with stand_ins(cloud) as port:
        workspace = Workspace(folder=folder, port=port)
        yield of


@pytest.fixture
def cloud() -> Cloud:
    """What the test's own stacks have created."""
    return Cloud()


@pytest.fixture
def workspace(cloud: Cloud, tmp_path: Path) -> Generator[Callable[..., Workspace]]:
    """A copy of the project for one test: `workspace()`, or `workspace("a_program")` of `programs/` in its place."""
    with stand_ins(cloud) as port:

        def make(program: str = "") -> Workspace:
            copy_project(tmp_path)
            made = Workspace(folder=tmp_path, port=port)
            if program:
                made.use(program)
            return made

        yield make
