"""A VolumeSnapshotClass. The SDK's own CustomResource passes `spec` alone, and this kind has none."""

from collections.abc import Mapping

import pulumi

from infra.naming import SNAPSHOTS


class VolumeSnapshotClass(pulumi.CustomResource):
    """How snapshots of one driver's volumes are taken; a snapshot outlives the object that asked for it."""

    def __init__(
        self,
        name: str,
        *,
        driver: str,
        parameters: Mapping[str, pulumi.Input[str]] | None = None,
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotClass",
            "metadata": {"name": SNAPSHOTS},
            "driver": driver,
            "deletionPolicy": "Retain",
            "parameters": parameters,
        }
        super().__init__("kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass", name, inputs, opts)
