"""A cluster that a rehearsal did not start is touched only where nothing of anybody else's can be harmed."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.plan.graph import Manifest
from ops.rehearse.api import Api, Refused
from ops.rehearse.command import rehearse
from ops.rehearse.existing import NotDisposable, require_disposable
from ops.rehearse.fleet import NODES
from tests.integration.cluster.conftest import ControlPlane
from tests.support.stacks import planned

pytestmark = pytest.mark.needs("kubernetes")

CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
NAMESPACES = "/api/v1/namespaces"


@pytest.fixture
def context(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    return control_plane.api


def call(*arguments: str) -> Result:
    return CliRunner().invoke(rehearse, [*arguments, "--context", "test", "--disposable"])


@contextmanager
def somebodys(api: Api, path: str, body: dict[str, Any]) -> Generator[None]:
    """An object of somebody else's. It must be there unchanged afterwards."""
    made = api.create(path, body)
    where = f"{path}/{made['metadata']['name']}"
    try:
        yield
        assert api.get(where)["metadata"]["uid"] == made["metadata"]["uid"]
    finally:
        api.delete(where)


def node(*, unschedulable: bool) -> dict[str, Any]:
    metadata = {"name": "k3d-server-0", "labels": {"kubernetes.io/hostname": "k3d-server-0"}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"unschedulable": unschedulable}}


def test_a_node_that_takes_pods_and_is_not_ours_is_refused(context: Api) -> None:
    with somebodys(context, NODES, node(unschedulable=False)):
        result = call("local")
        assert "spec" in context.get(f"{NODES}/k3d-server-0")
        assert not context.get(f"{NODES}/k3d-server-0")["spec"].get("unschedulable")
    assert result.exit_code == 2
    assert "node k3d-server-0 takes pods" in result.output


def test_a_node_that_only_wears_the_label_is_refused(context: Api) -> None:
    labelled = node(unschedulable=False)
    labelled["metadata"]["labels"] |= {"ragspan.dev/rehearsal": "node"}
    with somebodys(context, NODES, labelled):
        result = call("local")
    assert (result.exit_code, "node k3d-server-0 takes pods" in result.output) == (2, True), result.output


def test_a_cordoned_node_of_others_is_left_as_it_is(context: Api) -> None:
    with somebodys(context, NODES, node(unschedulable=True)):
        result = call("local", "--drills")
        assert context.get(f"{NODES}/k3d-server-0")["spec"]["unschedulable"] is True
    assert result.exit_code in {0, 1}, result.output
    assert "2 of 2 pods placed" in result.output


def test_an_object_for_a_namespace_of_others_is_refused(context: Api) -> None:
    foreign = Manifest(urn="", kind="ConfigMap", namespace="kube-system", name="mine", body={"apiVersion": "v1"})
    with pytest.raises(NotDisposable, match="ConfigMap mine would stand in namespace kube-system"):
        require_disposable(context, "test", [*planned("local").manifests(), foreign])


def test_a_namespace_that_is_there_already_is_refused(context: Api) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ragspan"}}
    with somebodys(context, NAMESPACES, body):
        result = call("local")
    assert result.exit_code == 2
    assert "Namespace ragspan is there already and is none of a rehearsal's" in result.output
    gone(context, f"{NAMESPACES}/ragspan")


def gone(api: Api, path: str) -> None:
    """Wait until the object is gone, as a namespace is after its contents."""
    while True:
        try:
            api.get(path)
        except Refused:
            return


def test_a_storage_class_that_is_there_already_is_refused(context: Api) -> None:
    body = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "ragspan-ssd"},
        "provisioner": "example.com/disk",
    }
    with somebodys(context, CLASSES, body):
        result = call("dev-gcp-europe-west4")
    assert result.exit_code == 2
    assert "StorageClass ragspan-ssd is there already" in result.output


def test_nothing_of_a_rehearsal_is_left(context: Api) -> None:
    assert call("dev-gcp-europe-west4").exit_code == 0
    left = [
        api["metadata"]["name"] for path in (NODES, CLASSES, "/api/v1/persistentvolumes") for api in context.list(path)
    ]
    assert left == []
    assert "ragspan" not in {one["metadata"]["name"] for one in context.list(NAMESPACES)}


def test_what_a_killed_rehearsal_left_is_cleared_away_first(context: Api) -> None:
    labels = {"ragspan.dev/rehearsal": "node"}
    metadata = {"name": "left", "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}}
    context.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": metadata})
    assert call("local").exit_code == 0
    gone(context, f"{NODES}/left")
