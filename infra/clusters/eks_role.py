"""An IAM role that one principal takes on: AWS's own policies for its task, statements of ours, and no more.

docs/reference/iam.md lists every role's statements; a test compares.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.naming import AWS_ROLE_CHARS, Names

NODE_POLICIES = ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]
"""Of every node's role: https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html. The CNI has its own."""


@dataclass(frozen=True, kw_only=True)
class EksRoleArgs:
    """`role` says what it is for; `policies` are names of managed policies, with their path below `policy/`.

    `statements` are those of an inline policy, which lives and dies with the role.
    """

    role: str
    trust: Mapping[str, Any]
    policies: Sequence[str] = ()
    statements: Sequence[Mapping[str, Any]] = ()
    partition: str
    names: Names
    provider: aws.Provider


class EksRole(pulumi.ComponentResource):
    """The role and its policies."""

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    attachments: list[pulumi.Resource]
    """Before them the role can do nothing, so whoever takes it on comes after them."""

    def __init__(self, name: str, args: EksRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=args.provider)
        role = aws.iam.Role(
            f"{name}-role",
            name=args.names.of(args.role, limit=AWS_ROLE_CHARS),
            assume_role_policy=policy_document([args.trust]),
            opts=child,
        )
        self.arn, self.name = role.arn, role.name
        self.attachments = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy.rpartition('/')[2]}",
                role=role.name,
                policy_arn=f"arn:{args.partition}:iam::aws:policy/{policy}",
                opts=child,
            )
            for policy in args.policies
        ]
        if args.statements:
            document = policy_document(args.statements)
            self.attachments.append(
                aws.iam.RolePolicy(f"{name}-policy", role=role.name, name=args.role, policy=document, opts=child)
            )
        self.register_outputs({"arn": self.arn})


def policy_document(statements: Sequence[Mapping[str, Any]]) -> str:
    """An IAM policy as compact JSON: the 10 240 characters of a role's inline policies count."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))


def trust_service(service: str) -> dict[str, Any]:
    """Let an AWS service, `eks` or `ec2` say, take on the role."""
    return {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}


def trust_pods(*, namespace: str, service_account: str) -> dict[str, Any]:
    """Let the pods of one service account take on the role by EKS Pod Identity.

    https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
    """
    return {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:RequestTag/kubernetes-namespace": namespace,
                "aws:RequestTag/kubernetes-service-account": service_account,
            }
        },
    }
