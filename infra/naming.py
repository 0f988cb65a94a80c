"""Physical names, cloud labels and Kubernetes labels of one stack. Names that are too long are refused, never cut."""

from dataclasses import dataclass
from hashlib import sha256

PROJECT = "ragspan"
FAST_VOLUMES = f"{PROJECT}-ssd"
"""The StorageClass that our own clusters provide for stateful services."""
RETAINED_VOLUMES = f"{PROJECT}-retained"
"""Medium speed; volumes outlive their claim."""
COLD_VOLUMES = f"{PROJECT}-standard"
"""Cheap and slow; volumes are deleted with their claim."""
SHARED_VOLUMES = f"{PROJECT}-shared"
"""Written by many pods at once, for model caches; volumes are deleted with their claim."""
DEFAULT_VOLUMES = f"{PROJECT}-default"
"""Used by claims that name no class, on clouds without a default; volumes are deleted with their claim."""
SNAPSHOTS = f"{PROJECT}-snapshots"
"""The VolumeSnapshotClass; snapshots outlive the objects that request them."""

GCP_NAME_CHARS = 63
"""Networks, subnets, routers (RFC 1035 labels): https://docs.cloud.google.com/compute/docs/naming-resources"""
GCS_BUCKET_CHARS = 63
"""https://docs.cloud.google.com/storage/docs/buckets#naming"""
GCP_SERVICE_ACCOUNT_CHARS = 30
"""https://docs.cloud.google.com/iam/docs/service-accounts-create"""
GKE_NAME_CHARS = 40
"""Clusters and node pools: https://docs.cloud.google.com/kubernetes-engine/docs/reference/rest"""
AWS_ROLE_CHARS = 64
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
AWS_TAG_CHARS = 256
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html"""
AWS_LAUNCH_TEMPLATE_CHARS = 128
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html"""
AWS_INSTANCE_PROFILE_CHARS = 128
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
AWS_QUEUE_CHARS = 80
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""
AWS_EVENT_RULE_CHARS = 64
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"""
S3_BUCKET_CHARS = 63
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""
AWS_ALIAS_CHARS = 256
"""https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html"""
KUBERNETES_LABEL_CHARS = 63
"""Values of labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/"""
EKS_CLUSTER_CHARS = 100
"""https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html"""
EKS_NODE_GROUP_PREFIX_CHARS = 36
"""The 63 characters of a node group's name, less the hyphen and the 26 characters that the provider appends."""

_DIGEST_CHARS = 8


class NameTooLong(ValueError):
    """A physical name does not fit what the cloud allows."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of one stack. `stack` is `<environment>-<cloud>-<region>`, or the environment alone."""

    stack: str
    environment: str

    @property
    def cluster(self) -> str:
        """The cluster's name; its project or account and its region already make it unique."""
        return f"{PROJECT}-{self.environment}"

    def of(self, role: str, *, limit: int) -> str:
        """Return `ragspan-<stack>-<role>`. Raises NameTooLong above `limit` characters."""
        return fitted(f"{PROJECT}-{self.stack}-{role}", limit=limit, remedy="shorten the role or the stack's name")

    def digest_of(self, role: str, *, limit: int) -> str:
        """Return `ragspan-<role>-<8 hex digits of the stack>`, for kinds whose limit is too short for a region's name.

        The same stack gives the same name; the resource's description should name the stack.
        """
        digest = sha256(self.stack.encode()).hexdigest()[:_DIGEST_CHARS]
        return fitted(f"{PROJECT}-{role}-{digest}", limit=limit, remedy="shorten the role")

    @property
    def cloud_labels(self) -> dict[str, str]:
        """GCP labels and AWS tags alike: lower case, digits, hyphens, at most 63 characters."""
        return {
            "part-of": PROJECT,
            "managed-by": "pulumi",
            "environment": self.environment,
            "stack": fitted(self.stack, limit=GCP_NAME_CHARS, remedy="shorten the stack's name"),
        }

    def selector(self, name: str) -> dict[str, str]:
        """Return the labels that select one workload's pods; they never change, because selectors cannot."""
        return {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": self.stack}

    def labels(self, name: str, *, component: str) -> dict[str, str]:
        """Return the labels of everything that belongs to a workload, including its selector's.

        As https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ recommends.
        """
        return {
            **self.selector(name),
            "app.kubernetes.io/component": component,
            "app.kubernetes.io/part-of": PROJECT,
            "app.kubernetes.io/managed-by": "pulumi",
            "ragspan.dev/environment": self.environment,
        }


def fitted(name: str, *, limit: int, remedy: str) -> str:
    """Return the name unchanged. Raises NameTooLong, with the remedy, if it has more than `limit` characters."""
    if len(name) > limit:
        raise NameTooLong(f"The name {name!r} has {len(name)} characters where {limit} are allowed; {remedy}.")
    return name


def pool_name(pool: str, capacity: str, *, limit: int) -> str:
    """Return the name of the cloud's node pool for one capacity entry: `gpu-l4-spot`. Raises NameTooLong."""
    return fitted(f"{pool}-{capacity.replace('_', '-')}", limit=limit, remedy="shorten the pool's name")
