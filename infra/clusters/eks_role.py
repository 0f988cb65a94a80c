"""An IAM role for one principal, with AWS's managed policies for its task and statements of ours, and nothing else.

docs/reference/iam.md lists every role's statements; a test compares them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.naming import AWS_ROLE_CHARS, Names

NODE_POLICIES = ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]
"""Policies of every node's role: https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html. The CNI has
its own."""


@dataclass(frozen=True, kw_only=True)
class EksRoleArgs:
    """`role` is its purpose; `policies` are names of managed policies, including their path below `policy/`.

    `statements` form an inline policy, which is created and deleted with the role.
    """

    role: str
    trust: Mapping[str, Any]
    policies: Sequence[str] = ()
    statements: Sequence[Mapping[str, Any]] = ()
    partition: str
    names: Names
    provider: aws.Provider


class EksRole(pulumi.ComponentResource):
    """A role and its policies."""

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    attachments: list[pulumi.Resource]
    """Without them the role has no permissions, so everything that assumes the role depends on them."""

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
    """Return an IAM policy as compact JSON, because a role's inline policies may have at most 10 240 characters."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))


def trust_service(service: str) -> dict[str, Any]:
    """Return the statement that lets an AWS service, such as `eks` or `ec2`, assume the role."""
    return {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}


def trust_pods(*, namespace: str, service_account: str) -> dict[str, Any]:
    """Return the statement that lets one service account's pods assume the role, by EKS Pod Identity.

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
