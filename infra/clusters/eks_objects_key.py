"""The key that encrypts the objects in a stack's buckets, and the policy statement for using it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_control_plane import KEY_DELETION_WINDOW_DAYS
from infra.naming import AWS_ALIAS_CHARS, Names


@dataclass(frozen=True, kw_only=True)
class EksObjectsKeyArgs:
    """`protect` is that of the buckets: without the key nothing in them can be read."""

    account_id: str
    region: str
    partition: str
    protect: bool
    names: Names
    provider: aws.Provider


class EksObjectsKey(pulumi.ComponentResource):
    """A key that is rotated every year, and the alias by which policies refer to it."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: EksObjectsKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksObjectsKey", name, None, opts)
        self._args = args
        self._alias = f"alias/{args.names.of('objects', limit=AWS_ALIAS_CHARS)}"
        child = pulumi.ResourceOptions(parent=self, provider=args.provider)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Objects in the buckets of {args.names.stack}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_WINDOW_DAYS,
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(protect=args.protect)),
        )
        aws.kms.Alias(f"{name}-alias", name=self._alias, target_key_id=key.id, opts=child)
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})

    def use(self, actions: Sequence[str], *, bucket_arn: str) -> dict[str, Any]:
        """Return a statement that allows these actions, through S3, on the objects of one bucket.

        The alias stands for the key's id, which is unknown until the key exists; S3 passes the bucket as encryption
        context: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
        """
        args = self._args
        return {
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": f"arn:{args.partition}:kms:{args.region}:{args.account_id}:key/*",
            "Condition": {
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": self._alias},
                "StringEquals": {
                    "kms:ViaService": f"s3.{args.region}.amazonaws.com",
                    "kms:EncryptionContext:aws:s3:arn": bucket_arn,
                },
            },
        }
