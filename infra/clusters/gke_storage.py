"""The storage classes of a GKE cluster. GKE's own `standard-rwo` stays the default, so that there is exactly one."""

import pulumi

from infra.clusters.snapshot_class import VolumeSnapshotClass
from infra.clusters.volume_class import VolumeClass, create_class
from infra.config.gke import GkeCluster
from infra.naming import COLD_VOLUMES, FAST_VOLUMES, RETAINED_VOLUMES, SHARED_VOLUMES

DISKS = "pd.csi.storage.gke.io"
FILESTORE = "filestore.csi.storage.gke.io"


def create_storage(
    logical: str, config: GkeCluster, network_name: pulumi.Input[str], options: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Create the storage classes, shared ones if the stack file asks for them, and the snapshot class.

    All machine families of the catalogue's CPU pools support these disks; E2 and N2 do not support Hyperdisk Balanced.
    """
    classes = {
        "ssd": _disks(FAST_VOLUMES, "pd-ssd", reclaim_policy="Retain"),
        "retained": _disks(RETAINED_VOLUMES, "pd-balanced", reclaim_policy="Retain"),
        "standard": _disks(COLD_VOLUMES, "pd-standard", reclaim_policy="Delete"),
    }
    if config.shared_volumes:
        classes["shared"] = VolumeClass(
            name=SHARED_VOLUMES,
            provisioner=FILESTORE,
            parameters={"tier": "zonal", "network": network_name},  # it looks in `default` otherwise
            reclaim_policy="Delete",
        )
    created = [create_class(f"{logical}-{role}", choice, options) for role, choice in classes.items()]
    snapshots = VolumeSnapshotClass(
        f"{logical}-snapshots", driver=DISKS, parameters={"storage-locations": config.region}, opts=options
    )
    return [*created, snapshots]


def _disks(name: str, kind: str, *, reclaim_policy: str) -> VolumeClass:
    return VolumeClass(name=name, provisioner=DISKS, parameters={"type": kind}, reclaim_policy=reclaim_policy)
