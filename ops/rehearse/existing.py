"""What a rehearsal requires of a cluster that it did not start: it must be disposable, and is left as it was.

It only uses nodes and namespaces of its own. Every node that pods could be placed on must be a fake one created by a
rehearsal; the cluster's own nodes must be cordoned by their owner, never by us.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from ops.plan.graph import Manifest
from ops.rehearse.api import Api, Object, Refused, UnknownKind
from ops.rehearse.fleet import FAKE_NODE, NODES, REHEARSAL_LABEL
from ops.rehearse.volumes import VOLUMES

_NAMESPACES = "/api/v1/namespaces"
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_GONE_TIMEOUT_S = 60


class NotDisposable(Exception):
    """The cluster contains something that a rehearsal could harm."""


def require_disposable(api: Api, context: str, manifests: Sequence[Manifest]) -> None:
    """Raise NotDisposable, naming everything that stands in the way."""
    if problems := [*_foreign_nodes(api), *_foreign_objects(api, manifests)]:
        raise NotDisposable(f"No rehearsal on context {context!r}: " + "; ".join(problems) + ".")


@contextmanager
def disposable_cluster(api: Api, context: str, manifests: Sequence[Manifest]) -> Generator[None]:
    """Remove what a killed rehearsal left behind and, on leaving, what this one created. Raises NotDisposable."""
    require_disposable(api, context, manifests)
    clear(api, manifests)
    try:
        yield
    finally:
        clear(api, manifests)


def clear(api: Api, manifests: Sequence[Manifest]) -> None:
    """Delete everything created by this or an earlier rehearsal, and wait until the namespaces are gone."""
    deadline = time.monotonic() + _GONE_TIMEOUT_S
    while (found := _own(api, _NAMESPACES)) and time.monotonic() < deadline:
        for path in found:
            api.delete(path)
            for pod in api.list(f"{path}/pods"):  # otherwise the namespace waits for their grace period
                api.delete(f"{path}/pods/{pod['metadata']['name']}", now=True)
        time.sleep(0.2)
    if found:
        raise NotDisposable(f"Namespaces of a rehearsal are not gone after {_GONE_TIMEOUT_S} s: {', '.join(found)}.")
    paths = {path.rpartition("/")[0] for path in _alone(api, manifests)} - {_NAMESPACES}
    for path in sorted({*paths, VOLUMES, _CLASSES, NODES}, key=NODES.__eq__):  # nodes last: fake kubelets end pods
        for one in _own(api, path):
            api.delete(one)


def _foreign_nodes(api: Api) -> Iterator[str]:
    for node in api.list(NODES):
        metadata = node["metadata"]
        ours = _is_own(node) and FAKE_NODE.items() <= metadata.get("annotations", {}).items()
        if not ours and not node["spec"].get("unschedulable"):
            yield (
                f"node {metadata['name']} takes pods and is none of a rehearsal's; if the cluster is there to be thrown"
                f" away, cordon it yourself (kubectl cordon {metadata['name']})"
            )


def _foreign_objects(api: Api, manifests: Sequence[Manifest]) -> Iterator[str]:
    own_namespaces = {manifest.name for manifest in manifests if manifest.kind == "Namespace"}
    for manifest in manifests:
        if manifest.namespace and manifest.namespace not in own_namespaces:
            place = f"namespace {manifest.namespace}, which is not the stack's own"
            yield f"{manifest.kind} {manifest.name} would stand in {place}"
    for path in _alone(api, manifests):
        try:
            found = api.get(path)
        except Refused:
            continue
        if not _is_own(found):
            yield f"{found['kind']} {found['metadata']['name']} is there already and is none of a rehearsal's"


def _alone(api: Api, manifests: Sequence[Manifest]) -> Iterator[str]:
    """Yield the paths of the stack's cluster-scoped objects of kinds that the server knows."""
    for manifest in manifests:
        try:
            if not api.is_namespaced(manifest.body["apiVersion"], manifest.kind):
                yield api.path_of(manifest.body["apiVersion"], manifest.kind, name=manifest.name)
        except UnknownKind:
            continue


def _own(api: Api, path: str) -> list[str]:
    return [f"{path}/{one['metadata']['name']}" for one in api.list(path, labelSelector=REHEARSAL_LABEL)]


def _is_own(body: Object) -> bool:
    return REHEARSAL_LABEL in body["metadata"].get("labels", {})
