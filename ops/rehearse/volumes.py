"""Plays the part of a cloud's volume driver: creates a volume for each claim that the real controllers say needs one.

A disk is bound to the zone of the node that the scheduler chose, or to that node if there are no zones, so its pod
cannot move elsewhere, as with the drivers of GKE, EKS and k3d. Volumes that many nodes may write to are reachable from
all of them. Binding remains the controllers' work.
"""

from collections.abc import Collection, Mapping
from typing import Any

from ops.rehearse.api import Api, Object
from ops.rehearse.fleet import REHEARSAL_LABEL, Node
from ops.rehearse.pools import ZONE

STAND_IN_PROVISIONER = "rehearsal.ragspan.dev"
"""The provisioner of storage classes that the stack refers to but does not create."""

_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
_NODE = "volume.kubernetes.io/selected-node"
VOLUMES = "/api/v1/persistentvolumes"


def offer_volumes(api: Api, namespace: str, provisioners: Collection[str], nodes: Mapping[str, Node]) -> dict[str, str]:
    """Create a volume for each claim in the namespace that waits for one of the provisioners.

    Return the zone of each new disk by claim.
    """
    zones: dict[str, str] = {}
    for claim in api.list(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"):
        annotations = claim["metadata"].get("annotations", {})
        if annotations.get(_PROVISIONER) in provisioners and not claim["spec"].get("volumeName"):
            shared = _NODE not in annotations or "ReadWriteMany" in claim["spec"]["accessModes"]
            node = None if shared else nodes.get(annotations[_NODE])
            if shared or node:  # if the chosen node is gone, the scheduler chooses another
                api.apply(_volume(claim, annotations[_PROVISIONER], node))
            if node:
                zones[claim["metadata"]["name"]] = node.zone
    return zones


def stand_in_class(name: str) -> dict[str, Any]:
    """Return a stand-in for a storage class that exists in the real cluster."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "labels": {REHEARSAL_LABEL: "stand-in"}},
        "provisioner": STAND_IN_PROVISIONER,
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _near(node: Node) -> Object:
    where = (ZONE, node.zone) if node.zone else ("kubernetes.io/hostname", node.name)
    terms = [{"matchExpressions": [{"key": where[0], "operator": "In", "values": [where[1]]}]}]
    return {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}


def _volume(claim: Object, driver: str, node: Node | None) -> Object:
    metadata, spec = claim["metadata"], claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": f"pvc-{metadata['uid']}",
            "labels": {REHEARSAL_LABEL: "volume"},
            "annotations": {"pv.kubernetes.io/provisioned-by": driver},
        },
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "storageClassName": spec["storageClassName"],
            "persistentVolumeReclaimPolicy": "Retain",
            **(_near(node) if node else {}),
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "csi": {"driver": STAND_IN_PROVISIONER, "volumeHandle": f"pvc-{metadata['uid']}"},
        },
    }
