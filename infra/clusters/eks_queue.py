"""The queue through which AWS warns Karpenter of nodes about to be lost, so that it drains them in time.

https://karpenter.sh/v1.14/concepts/disruption/#interruption
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_karpenter_policy import KarpenterScope
from infra.clusters.eks_role import policy_document
from infra.naming import AWS_EVENT_RULE_CHARS, Names

RETENTION_S = 300
"""A notice is useless once the node is gone, which for spot nodes is two minutes later."""
_NOTICES = {
    "health": ("aws.health", "AWS Health Event"),
    "spot-notice": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "node-state": ("aws.ec2", "EC2 Instance State-change Notification"),
}


@dataclass(frozen=True, kw_only=True)
class EksInterruptionQueueArgs:
    """`scope` has the queue's name, before it exists."""

    scope: KarpenterScope
    names: Names
    provider: aws.Provider


class EksInterruptionQueue(pulumi.ComponentResource):
    """A queue that only EventBridge may write to, and the rules that fill it."""

    ready: list[pulumi.Resource]

    def __init__(self, name: str, args: EksInterruptionQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksInterruptionQueue", name, None, opts)
        self._logical = name
        self._args = args
        self._options = pulumi.ResourceOptions(parent=self, provider=args.provider)
        queue = aws.sqs.Queue(
            f"{name}-queue",
            name=args.scope.queue,
            message_retention_seconds=RETENTION_S,
            sqs_managed_sse_enabled=True,
            opts=self._options,
        )
        rules = [self._create_rule(role, source, detail) for role, (source, detail) in _NOTICES.items()]
        policy = self._create_policy(queue)
        targets = [
            aws.cloudwatch.EventTarget(
                f"{name}-{role}-target", rule=rule.name, arn=queue.arn, target_id="karpenter", opts=self._options
            )
            for role, rule in zip(_NOTICES, rules, strict=True)
        ]
        self.ready = [policy, *targets]
        self.register_outputs({})

    def _create_rule(self, role: str, source: str, detail: str) -> aws.cloudwatch.EventRule:
        return aws.cloudwatch.EventRule(
            f"{self._logical}-{role}",
            name=self._args.names.of(role, limit=AWS_EVENT_RULE_CHARS),
            description=f"{detail}, for Karpenter",
            event_pattern=json.dumps({"source": [source], "detail-type": [detail]}),
            opts=self._options,
        )

    def _create_policy(self, queue: aws.sqs.Queue) -> aws.sqs.QueuePolicy:
        scope, names = self._args.scope, self._args.names
        arn = scope.arn("sqs", scope.queue)
        rules = [scope.arn("events", f"rule/{names.of(role, limit=AWS_EVENT_RULE_CHARS)}") for role in _NOTICES]
        document = policy_document(
            [
                {
                    "Sid": "FilledByOwnRules",
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
                },
                {
                    "Sid": "NeverInTheClear",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sqs:*",
                    "Resource": arn,
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ]
        )
        return aws.sqs.QueuePolicy(f"{self._logical}-policy", queue_url=queue.url, policy=document, opts=self._options)
