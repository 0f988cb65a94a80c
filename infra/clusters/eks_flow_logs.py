"""The flow logs of a VPC: which addresses talked to each other, kept as long as the control plane's logs."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_control_plane import LOG_RETENTION_DAYS
from infra.clusters.eks_role import EksRole, EksRoleArgs, trust_service
from infra.config.eks import EksCluster as EksClusterConfig
from infra.naming import AWS_TAG_CHARS, Names

_WRITE = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
_LIST = "logs:DescribeLogGroups"
"""From https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html; we create the group itself."""


@dataclass(frozen=True, kw_only=True)
class EksFlowLogsArgs:
    """The VPC whose traffic is logged."""

    config: EksClusterConfig
    names: Names
    partition: str
    provider: aws.Provider
    vpc_id: pulumi.Input[str]


class EksFlowLogs(pulumi.ComponentResource):
    """A log group, a role that may write to nothing else, and the flow log."""

    def __init__(self, name: str, args: EksFlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksFlowLogs", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=args.provider)
        physical = args.names.of("flow-logs", limit=AWS_TAG_CHARS)
        group = aws.cloudwatch.LogGroup(
            f"{name}-logs", name=f"/aws/vpc/{physical}", retention_in_days=LOG_RETENTION_DAYS, opts=child
        )
        arn = f"arn:{args.partition}:logs:{args.config.region}:{args.config.account_id}:log-group:/aws/vpc/{physical}:*"
        role = EksRole(
            f"{name}-role",
            EksRoleArgs(
                role="flow-logs",
                trust=_trust(args.config.account_id),
                statements=[
                    {"Effect": "Allow", "Action": _WRITE, "Resource": arn},
                    {"Effect": "Allow", "Action": _LIST, "Resource": "*"},  # cannot be limited to one group
                ],
                partition=args.partition,
                names=args.names,
                provider=args.provider,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        aws.ec2.FlowLog(
            f"{name}-flows",
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            tags={"Name": physical},
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=role.attachments),
        )
        self.register_outputs({})


def _trust(account_id: str) -> dict[str, Any]:
    """Trust only flow logs of this account, against the confused deputy problem."""
    return {
        **trust_service("vpc-flow-logs"),
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }
