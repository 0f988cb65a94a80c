"""A VolumeSnapshotClass. The SDK's CustomResource only passes `spec`, which this kind does not have."""

from collections.abc import Mapping

import pulumi

from infra.naming import SNAPSHOTS


class VolumeSnapshotClass(pulumi.CustomResource):
    """How one driver takes snapshots of its volumes; a snapshot outlives the object that requested it."""

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
