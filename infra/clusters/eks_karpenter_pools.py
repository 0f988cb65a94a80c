"""The pools of an EKS cluster as Karpenter objects.

Of the system pool, Karpenter manages only the growth: its `min_nodes` are a managed group, on which Karpenter itself
runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from infra.clusters.eks_node_class import API, AWS_GROUP, node_class, node_pool, node_pool_name
from infra.config.eks import EksCluster as EksClusterConfig
from infra.config.pools import NodePool, known_machine
from infra.naming import Names


@dataclass(frozen=True, kw_only=True)
class EksKarpenterPoolsArgs:
    """The pools come from the cluster's config; `after` is what Karpenter needs to serve them."""

    config: EksClusterConfig
    names: Names
    kubernetes: k8s.Provider
    instance_profile: str
    after: Sequence[pulumi.Resource]


class EksKarpenterPools(pulumi.ComponentResource):
    """An EC2NodeClass for each pool, and a NodePool for each of its capacity entries; earlier ones are tried first."""

    pools: list[k8s.apiextensions.CustomResource]

    def __init__(self, name: str, args: EksKarpenterPoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:EksKarpenterPools", name, None, opts)
        self._logical = name
        self._args = args
        self.pools = [made for pool in args.config.pools for made in self._create(pool)]
        self.register_outputs({})

    def _create(self, pool: NodePool) -> list[k8s.apiextensions.CustomResource]:
        growing = [(index, entry) for index, entry in enumerate(pool.capacity) if entry.max_nodes > entry.min_nodes]
        if not growing:
            return []
        machine = known_machine("eks", pool)
        spec = node_class(pool, names=self._args.names, instance_profile=self._args.instance_profile)
        made = self._object(f"{AWS_GROUP}/v1", "EC2NodeClass", pool.name, spec, after=self._args.after)
        return [
            self._object(API, "NodePool", node_pool_name(pool, entry), node_pool(pool, index, machine), after=[made])
            for index, entry in growing
        ]

    def _object(
        self, api_version: str, kind: str, name: str, spec: dict[str, Any], after: Sequence[pulumi.Resource]
    ) -> k8s.apiextensions.CustomResource:
        return k8s.apiextensions.CustomResource(
            f"{self._logical}-{name}",
            api_version=api_version,
            kind=kind,
            metadata={"name": name},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, provider=self._args.kubernetes, depends_on=after),
        )
