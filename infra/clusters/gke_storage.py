"""What volumes a GKE cluster offers. GKE's own `standard-rwo` stays the default class, so that there is exactly one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from infra.clusters.snapshot_class import VolumeSnapshotClass
from infra.config.gke import GkeCluster
from infra.naming import COLD_VOLUMES, FAST_VOLUMES, RETAINED_VOLUMES, SHARED_VOLUMES

DISKS = "pd.csi.storage.gke.io"
FILESTORE = "filestore.csi.storage.gke.io"


@dataclass(frozen=True, kw_only=True)
class _Class:
    name: str
    parameters: Mapping[str, pulumi.Input[str]]
    reclaim_policy: str
    provisioner: str = field(default=DISKS)


def create_storage(
    logical: str, config: GkeCluster, network_name: pulumi.Input[str], options: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """The classes of volumes, shared ones where the stack file wants them, and the class of snapshots.

    Every machine family of the catalogue's CPU pools attaches these disks; E2 and N2 take no Hyperdisk Balanced.
    """
    classes = {
        "ssd": _Class(name=FAST_VOLUMES, parameters={"type": "pd-ssd"}, reclaim_policy="Retain"),
        "retained": _Class(name=RETAINED_VOLUMES, parameters={"type": "pd-balanced"}, reclaim_policy="Retain"),
        "standard": _Class(name=COLD_VOLUMES, parameters={"type": "pd-standard"}, reclaim_policy="Delete"),
    }
    if config.shared_volumes:
        classes["shared"] = _Class(
            name=SHARED_VOLUMES,
            parameters={"tier": "zonal", "network": network_name},  # it looks in `default` otherwise
            reclaim_policy="Delete",
            provisioner=FILESTORE,
        )
    created = [_create_class(f"{logical}-{role}", choice, options) for role, choice in classes.items()]
    snapshots = VolumeSnapshotClass(
        f"{logical}-snapshots", driver=DISKS, parameters={"storage-locations": config.region}, opts=options
    )
    return [*created, snapshots]


def _create_class(logical: str, choice: _Class, options: pulumi.ResourceOptions) -> pulumi.Resource:
    return k8s.storage.v1.StorageClass(
        logical,
        metadata={"name": choice.name},
        provisioner=choice.provisioner,
        parameters=choice.parameters,
        reclaim_policy=choice.reclaim_policy,
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=True,
        opts=options,
    )
