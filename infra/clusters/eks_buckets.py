"""The buckets beside an EKS cluster, and the one key that encrypts their objects."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clusters.eks_bucket import EksBucket, EksBucketArgs
from infra.clusters.eks_identity import EksIdentities
from infra.clusters.eks_objects_key import EksObjectsKey, EksObjectsKeyArgs
from infra.config.buckets import BUCKETS, Buckets
from infra.config.eks import EksCluster as EksClusterConfig
from infra.naming import Names


@dataclass(frozen=True, kw_only=True)
class EksBucketsArgs:
    """`identities` provides the roles that buckets grant access to."""

    config: EksClusterConfig
    buckets: Buckets
    partition: str
    names: Names
    identities: EksIdentities
    provider: aws.Provider


class EksBuckets(pulumi.ComponentResource):
    """One bucket for each of `infra.config.buckets.BUCKETS`."""

    by_role: Mapping[str, EksBucket]

    def __init__(self, name: str, args: EksBucketsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksBuckets", name, None, opts)
        config = args.config
        child = pulumi.ResourceOptions(parent=self)
        key = EksObjectsKey(
            f"{name}-objects",
            EksObjectsKeyArgs(
                account_id=config.account_id,
                region=config.region,
                partition=args.partition,
                protect=args.buckets.protect,
                names=args.names,
                provider=args.provider,
            ),
            child,
        )
        self.by_role = {
            role: EksBucket(
                f"{name}-{role}",
                EksBucketArgs(
                    role=role,
                    buckets=args.buckets,
                    account_id=config.account_id,
                    partition=args.partition,
                    names=args.names,
                    key=key,
                    identities=args.identities,
                    provider=args.provider,
                ),
                child,
            )
            for role in BUCKETS
        }
        self.register_outputs({})
