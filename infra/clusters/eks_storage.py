"""The storage classes of an EKS cluster. EKS marks none as the default, so one of ours is."""

from collections.abc import Sequence

import pulumi

from infra.clusters.snapshot_class import VolumeSnapshotClass
from infra.clusters.volume_class import VolumeClass, create_class
from infra.naming import COLD_VOLUMES, DEFAULT_VOLUMES, FAST_VOLUMES, RETAINED_VOLUMES, SHARED_VOLUMES

DISKS = "ebs.csi.aws.com"
FILES = "efs.csi.aws.com"
_FOLDERS = "/volumes"
"""Each volume is a folder below this one, so deleting a volume can never delete the file system's root."""


def create_storage(
    logical: str,
    file_system_id: pulumi.Input[str] | None,
    options: pulumi.ResourceOptions,
    *,
    after_drivers: Sequence[pulumi.Resource],
) -> list[pulumi.Resource]:
    """Create the storage classes, shared ones if there is a file system, and the snapshot class.

    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html: gp3 has 3 000 IOPS at any size; st1 costs
    half as much, but has a minimum size of 125 GiB.
    """
    classes = {
        "ssd": _disks(FAST_VOLUMES, "gp3", reclaim_policy="Retain"),
        "retained": _disks(RETAINED_VOLUMES, "gp3", reclaim_policy="Retain"),
        "standard": _disks(COLD_VOLUMES, "st1", reclaim_policy="Delete"),
        "default": _disks(DEFAULT_VOLUMES, "gp3", reclaim_policy="Delete", default=True),
    }
    if file_system_id is not None:
        classes["shared"] = VolumeClass(
            name=SHARED_VOLUMES,
            provisioner=FILES,
            parameters={
                "provisioningMode": "efs-ap",
                "fileSystemId": file_system_id,
                "directoryPerms": "700",
                "basePath": _FOLDERS,
            },
            reclaim_policy="Delete",
            growing=False,  # a folder has no size
        )
    created = [create_class(f"{logical}-{role}", choice, options) for role, choice in classes.items()]
    kinds = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=after_drivers))
    return [*created, VolumeSnapshotClass(f"{logical}-snapshots", driver=DISKS, opts=kinds)]


def _disks(name: str, kind: str, *, reclaim_policy: str, default: bool = False) -> VolumeClass:
    parameters = {"type": kind, "encrypted": "true"}
    return VolumeClass(
        name=name, provisioner=DISKS, parameters=parameters, reclaim_policy=reclaim_policy, default=default
    )
