"""A storage class, the same on every cloud except for its driver."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

_DEFAULT = "storageclass.kubernetes.io/is-default-class"


@dataclass(frozen=True, kw_only=True)
class VolumeClass:
    """`reclaim_policy` decides whether volumes outlive their claim, `growing` whether they can be enlarged."""

    name: str
    provisioner: str
    reclaim_policy: str
    parameters: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    growing: bool = True
    default: bool = False


def create_class(logical: str, choice: VolumeClass, options: pulumi.ResourceOptions) -> k8s.storage.v1.StorageClass:
    """Create the storage class; its volumes are created where the first pod that claims one is scheduled."""
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {"name": choice.name}
    if choice.default:
        metadata["annotations"] = {_DEFAULT: "true"}
    return k8s.storage.v1.StorageClass(
        logical,
        metadata=metadata,
        provisioner=choice.provisioner,
        parameters=choice.parameters,
        reclaim_policy=choice.reclaim_policy,
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=choice.growing,
        opts=options,
    )
