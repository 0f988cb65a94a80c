"""The AWS permissions of Karpenter's controller, as pure data.

From https://karpenter.sh/v1.14/reference/cloudformation/, but narrower: it creates no instance profiles, since we
provide one; it reads image parameters of Bottlerocket only; no zonal shift, no placement groups.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CREATED = ["fleet", "instance", "launch-template", "network-interface", "spot-instances-request", "volume"]
_READ = [
    "ec2:DescribeCapacityReservations",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSpotPriceHistory",
    "ec2:DescribeSubnets",
]


@dataclass(frozen=True, kw_only=True)
class KarpenterScope:
    """Names of the one cluster that the controller serves, and of what it passes to its nodes."""

    partition: str
    region: str
    account_id: str
    cluster: str
    node_role: str
    instance_profile: str
    queue: str

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN of this account; those of IAM have no region."""
        region = "" if service == "iam" else self.region
        return f"arn:{self.partition}:{service}:{region}:{self.account_id}:{resource}"

    @property
    def owned(self) -> Mapping[str, Any]:
        """Condition: the resource has the cluster's tag and a pool's."""
        return {
            "StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{self.cluster}": "owned"},
            "StringLike": {"aws:ResourceTag/karpenter.sh/nodepool": "*"},
        }

    @property
    def marked(self) -> dict[str, Any]:
        """Condition: the new resource gets the cluster's tags and a pool's."""
        return {
            "StringEquals": {
                f"aws:RequestTag/kubernetes.io/cluster/{self.cluster}": "owned",
                "aws:RequestTag/eks:eks-cluster-name": self.cluster,
            },
            "StringLike": {"aws:RequestTag/karpenter.sh/nodepool": "*"},
        }


def controller_statements(scope: KarpenterScope) -> list[dict[str, Any]]:
    """Return the statements of the controller's policy."""
    return [*_launching(scope), *_tagging_and_deleting(scope), *_reading(scope), *_passing_on(scope)]


def _launching(scope: KarpenterScope) -> list[dict[str, Any]]:
    launch = ["ec2:RunInstances", "ec2:CreateFleet"]
    public = [f"arn:{scope.partition}:ec2:{scope.region}::{kind}/*" for kind in ("image", "snapshot")]
    used = [scope.arn("ec2", f"{kind}/*") for kind in ("capacity-reservation", "security-group", "subnet")]
    return [
        _allow("LaunchWith", launch, [*public, *used]),
        _allow("LaunchFromOwnTemplates", launch, scope.arn("ec2", "launch-template/*"), scope.owned),
        _allow(
            "LaunchTagged",
            [*launch, "ec2:CreateLaunchTemplate"],
            [scope.arn("ec2", f"{kind}/*") for kind in _CREATED],
            scope.marked,
        ),
    ]


def _tagging_and_deleting(scope: KarpenterScope) -> list[dict[str, Any]]:
    marked = scope.marked
    while_creating = {
        **marked,
        "StringEquals": {
            **marked["StringEquals"],
            "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
        },
    }
    later = {
        **scope.owned,
        "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": scope.cluster},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]},
    }
    instances, templates = scope.arn("ec2", "instance/*"), scope.arn("ec2", "launch-template/*")
    return [
        _allow("TagNew", "ec2:CreateTags", [scope.arn("ec2", f"{kind}/*") for kind in _CREATED], while_creating),
        _allow("TagOwn", "ec2:CreateTags", instances, later),
        _allow(
            "DeleteOwn", ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"], [instances, templates], scope.owned
        ),
    ]


def _reading(scope: KarpenterScope) -> list[dict[str, Any]]:
    images = f"arn:{scope.partition}:ssm:{scope.region}::parameter/aws/service/bottlerocket/*"
    return [
        _allow("ReadRegion", _READ, "*", {"StringEquals": {"aws:RequestedRegion": scope.region}}),
        _allow("ReadPrices", "pricing:GetProducts", "*"),
        _allow("ReadImages", "ssm:GetParameter", images),
        _allow("ReadCluster", "eks:DescribeCluster", scope.arn("eks", f"cluster/{scope.cluster}")),
    ]


def _passing_on(scope: KarpenterScope) -> list[dict[str, Any]]:
    profile = scope.arn("iam", f"instance-profile/{scope.instance_profile}")
    to_nodes = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    notices = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"]
    return [
        _allow("PassNodeRole", "iam:PassRole", scope.arn("iam", f"role/{scope.node_role}"), to_nodes),
        _allow("ReadProfile", "iam:GetInstanceProfile", profile),
        _allow("ListProfiles", "iam:ListInstanceProfiles", "*"),
        _allow("ReadNotices", notices, scope.arn("sqs", scope.queue)),
    ]


def _allow(
    sid: str, actions: str | list[str], resources: str | list[str], condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": dict(condition)} if condition else statement
