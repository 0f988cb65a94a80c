"""One real control plane for all tests of this folder; each test gets it as if nothing had been rehearsed on it."""

import base64
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from infra.config.load import from_file, stack_files
from infra.config.stack import StackConfig
from ops.plan.graph import RecordedStack
from ops.rehearse.api import Api
from ops.rehearse.binaries import CONTROL_PLANE, FAKE_KUBELETS, find
from ops.rehearse.control_plane import start_control_plane
from ops.rehearse.existing import disposable_cluster
from ops.rehearse.kubelets import start_kubelets
from ops.rehearse.programs import programs
from ops.rehearse.rehearsal import rehearse
from ops.rehearse.report import Rehearsed
from tests.support.stacks import planned


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """The control plane, and a kubeconfig as k3d would write it, with the context `test`."""

    api: Api
    kubeconfig: Path


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Generator[ControlPlane]:
    paths = find((*CONTROL_PLANE, FAKE_KUBELETS))
    with programs() as running:
        connection = start_control_plane(running, paths)
        start_kubelets(running, paths[FAKE_KUBELETS], connection)
        authority = (running.folder / "certificates" / "apiserver.crt").read_bytes()
        cluster = {
            "server": connection.server,
            "certificate-authority-data": base64.b64encode(authority).decode(),
        }
        config = {
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": connection.token}}],
        }
        file = tmp_path_factory.mktemp("kubeconfig") / "config"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as private:
            yaml.safe_dump(config, private)
        with Api(connection) as api:
            yield ControlPlane(api=api, kubeconfig=file)


Rehearse = Callable[..., Rehearsed]


@pytest.fixture(scope="session")
def rehearsed(control_plane: ControlPlane) -> Rehearse:
    """Rehearses a shipped stack, once for all who ask, or another recorded program, and clears away what it made."""
    shipped: dict[str, Rehearsed] = {}

    def run(
        name: str, stack: RecordedStack | None = None, *, config: StackConfig | None = None, drills: bool = False
    ) -> Rehearsed:
        recorded = stack or planned(name)
        if not (stack or config or drills) and name in shipped:
            return shipped[name]
        chosen = config or from_file(stack_files()[name])
        with disposable_cluster(control_plane.api, "test", recorded.manifests()):
            result = rehearse(control_plane.api, chosen, recorded, drills=drills, progress=lambda _: None)
        if not (stack or config):
            shipped[name] = result
        return result

    return run
