"""An S3 bucket that only identities with a grant can access."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_identity import EksIdentities
from infra.clusters.eks_objects_key import EksObjectsKey
from infra.clusters.eks_role import policy_document
from infra.config.buckets import TO_ARCHIVE_DAYS, Buckets
from infra.contracts import Identity
from infra.naming import S3_BUCKET_CHARS, Names, fitted

_READ = ["s3:GetObject", "s3:GetObjectVersion"]
_WRITE = [*_READ, "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
_LIST = ["s3:ListBucket", "s3:GetBucketLocation"]
_ABANDONED_AFTER_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class EksBucketArgs:
    """`role` is the bucket's purpose: `documents` or `backups`."""

    role: str
    buckets: Buckets
    account_id: str
    partition: str
    names: Names
    key: EksObjectsKey
    identities: EksIdentities
    provider: aws.Provider


class EksBucket(pulumi.ComponentResource):
    """A versioned bucket without public access; objects get colder storage with age. Implements contracts.Bucket."""

    name: pulumi.Output[str]

    def __init__(self, name: str, args: EksBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksBucket", name, None, opts)
        self._logical = name
        self._args = args
        self._options = pulumi.ResourceOptions(parent=self, provider=args.provider)
        physical = f"{args.names.digest_of(args.role, limit=S3_BUCKET_CHARS)}-{args.account_id}"
        self._physical = fitted(physical, limit=S3_BUCKET_CHARS, remedy="shorten the role")
        self._arn = f"arn:{args.partition}:s3:::{self._physical}"
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=self._physical,
            opts=pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(protect=args.buckets.protect)),
        )
        self.name = bucket.bucket
        self._encrypt(bucket)
        self._keep_private(bucket)
        self._let_grow_cold(bucket, self._keep_versions(bucket))
        self.register_outputs({"name": self.name})

    def grant_read(self, name: str, identity: Identity) -> aws.iam.RolePolicy:
        return self._grant(f"{name}-reads", _READ, ["kms:Decrypt"], identity)

    def grant_write(self, name: str, identity: Identity) -> aws.iam.RolePolicy:
        return self._grant(f"{name}-writes", _WRITE, ["kms:Decrypt", "kms:GenerateDataKey"], identity)

    def _grant(self, name: str, actions: list[str], key_actions: list[str], identity: Identity) -> aws.iam.RolePolicy:
        role = self._args.identities.of(identity)
        statements = [
            {"Effect": "Allow", "Action": _LIST, "Resource": self._arn},
            {"Effect": "Allow", "Action": actions, "Resource": f"{self._arn}/*"},
            self._args.key.use(key_actions, bucket_arn=self._arn),
        ]
        return aws.iam.RolePolicy(
            f"{self._logical}-{name}",
            role=role.name,
            name=f"{self._args.role}-{name}",
            policy=policy_document(statements),
            # So that whoever depends on the grant also waits for the identity.
            opts=pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(depends_on=role.ready)),
        )

    def _encrypt(self, bucket: aws.s3.Bucket) -> None:
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{self._logical}-encryption",
            bucket=bucket.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": self._args.key.arn,
                    },
                    # One KMS call serves many objects, and a grant of the key can name the bucket.
                    "bucket_key_enabled": True,
                }
            ],
            opts=self._options,
        )

    def _keep_private(self, bucket: aws.s3.Bucket) -> None:
        block = aws.s3.BucketPublicAccessBlock(
            f"{self._logical}-private",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._options,
        )
        aws.s3.BucketPolicy(
            f"{self._logical}-policy",
            bucket=bucket.bucket,
            policy=policy_document([_never_in_the_clear(self._arn)]),
            # S3 refuses two simultaneous changes to a bucket's access.
            opts=pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(depends_on=[block])),
        )

    def _keep_versions(self, bucket: aws.s3.Bucket) -> aws.s3.BucketVersioning:
        return aws.s3.BucketVersioning(
            f"{self._logical}-versions",
            bucket=bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=self._options,
        )

    def _let_grow_cold(self, bucket: aws.s3.Bucket, versions: aws.s3.BucketVersioning) -> None:
        buckets = self._args.buckets
        cold = buckets.cold_after_days
        rule: aws.s3.BucketLifecycleConfigurationRuleArgsDict = {
            "id": "by-age",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "transitions": [
                {"days": cold, "storage_class": "STANDARD_IA"},
                {"days": cold + TO_ARCHIVE_DAYS, "storage_class": "GLACIER_IR"},
            ],
            "noncurrent_version_expiration": {"noncurrent_days": buckets.keep_replaced_days},
            "abort_incomplete_multipart_upload": {"days_after_initiation": _ABANDONED_AFTER_DAYS},
        }
        aws.s3.BucketLifecycleConfiguration(
            f"{self._logical}-lifecycle",
            bucket=bucket.bucket,
            rules=[rule],
            opts=pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(depends_on=[versions])),
        )


def _never_in_the_clear(arn: str) -> Mapping[str, Any]:
    return {
        "Sid": "NeverInTheClear",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
