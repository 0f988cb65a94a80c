"""A Cloud Storage bucket that only identities with a grant can access."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.config.buckets import TO_ARCHIVE_DAYS
from infra.config.gke import GkeBuckets, GkeCluster
from infra.contracts import Identity
from infra.naming import GCS_BUCKET_CHARS, Names, fitted

READ = "roles/storage.objectViewer"
WRITE = "roles/storage.objectUser"
"""https://docs.cloud.google.com/storage/docs/access-control/iam-roles"""
ENCRYPT = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


@dataclass(frozen=True, kw_only=True)
class GkeBucketArgs:
    """`role` is the bucket's purpose: `documents` or `backups`."""

    role: str
    config: GkeCluster
    buckets: GkeBuckets
    names: Names
    provider: gcp.Provider


class GkeBucket(pulumi.ComponentResource):
    """A versioned bucket without public access; objects get colder storage with age. Implements contracts.Bucket."""

    name: pulumi.Output[str]

    def __init__(self, name: str, args: GkeBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:GkeBucket", name, None, opts)
        self._logical = name
        self._config = args.config
        self._options = pulumi.ResourceOptions(parent=self, provider=args.provider)
        bucket = self._create_bucket(args)
        self.name = bucket.name
        self.register_outputs({"name": self.name})

    def grant_read(self, name: str, identity: Identity) -> gcp.storage.BucketIAMMember:
        return self._grant(f"{name}-reads", READ, identity)

    def grant_write(self, name: str, identity: Identity) -> gcp.storage.BucketIAMMember:
        return self._grant(f"{name}-writes", WRITE, identity)

    def _create_bucket(self, args: GkeBucketArgs) -> gcp.storage.Bucket:
        buckets, config = args.buckets, args.config
        physical = f"{config.project_id}-{args.names.digest_of(args.role, limit=GCS_BUCKET_CHARS)}"
        return gcp.storage.Bucket(
            f"{self._logical}-bucket",
            name=fitted(physical, limit=GCS_BUCKET_CHARS, remedy="shorten the project's id"),
            location=config.region,
            storage_class="STANDARD",
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            versioning={"enabled": True},
            lifecycle_rules=_lifecycle(buckets),
            encryption={"default_kms_key_name": buckets.encryption_key} if buckets.encryption_key else None,
            opts=pulumi.ResourceOptions.merge(
                self._options, pulumi.ResourceOptions(protect=buckets.protect, depends_on=self._allow_key(buckets))
            ),
        )

    def _allow_key(self, buckets: GkeBuckets) -> list[pulumi.Resource]:
        if not buckets.encryption_key:
            return []
        agent = f"serviceAccount:service-{self._config.project_number}@gs-project-accounts.iam.gserviceaccount.com"
        member = gcp.kms.CryptoKeyIAMMember(
            f"{self._logical}-key",
            crypto_key_id=buckets.encryption_key,
            role=ENCRYPT,
            member=agent,
            opts=self._options,
        )
        return [member]

    def _grant(self, name: str, role: str, identity: Identity) -> gcp.storage.BucketIAMMember:
        return gcp.storage.BucketIAMMember(
            f"{self._logical}-{name}",
            bucket=self.name,
            role=role,
            member=principal(self._config, identity),
            opts=self._options,
        )


def principal(config: GkeCluster, identity: Identity) -> pulumi.Output[str]:
    """Return IAM's name for a Kubernetes service account: the pool has the project's id, its path the project's number.

    https://docs.cloud.google.com/iam/docs/principal-identifiers
    """
    return pulumi.Output.format(
        "principal://iam.googleapis.com/projects/{0}/locations/global/workloadIdentityPools/{1}.svc.id.goog"
        "/subject/ns/{2}/sa/{3}",
        config.project_number,
        config.project_id,
        identity.namespace,
        identity.service_account,
    )


def _lifecycle(buckets: GkeBuckets) -> list[gcp.storage.BucketLifecycleRuleArgsDict]:
    cold = buckets.cold_after_days
    return [
        {"action": {"type": "SetStorageClass", "storage_class": "NEARLINE"}, "condition": {"age": cold}},
        {
            "action": {"type": "SetStorageClass", "storage_class": "ARCHIVE"},
            "condition": {"age": cold + TO_ARCHIVE_DAYS},
        },
        {
            "action": {"type": "Delete"},
            "condition": {"days_since_noncurrent_time": buckets.keep_replaced_days, "with_state": "ARCHIVED"},
        },
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
    ]
