"""An EKS cluster as the stack file describes it."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from infra.config.buckets import Buckets
from infra.config.cidr import Cidr
from infra.config.eks_subnets import require_room
from infra.config.minor import Minor, require_minor
from infra.config.pool_rules import require_accelerators, require_pools, require_zones
from infra.config.pools import NodePool
from infra.config.section import FlipsTo, Section, refuse


class EksCluster(Section):
    """An EKS cluster in private subnets of its own VPC."""

    kind: Literal["eks"]
    account_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$"), FlipsTo("222222222222")]
    """Account that everything is created in; credentials for another are refused. In quotes."""
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
    """The cloud's name for it; part of the stack's name."""
    zones: Annotated[tuple[str, ...], Field(min_length=2, max_length=3), FlipsTo(("us-east-1b", "us-east-1d"))]
    """Where nodes run. Three keep an index of three replicas through the loss of one."""
    kubernetes_minor: Annotated[Minor, FlipsTo("1.34")]
    """In quotes, such as "1.35"."""
    vpc_cidr: Annotated[Cidr, FlipsTo("10.99.0.0/16")]
    """Addresses of nodes and pods."""
    nat_gateways: Annotated[Literal["one", "one_per_zone"], FlipsTo("one", "one_per_zone")] = "one"
    """`one` costs a third, but if its zone fails, no node can reach the internet until it is back."""
    interface_endpoints: bool = False
    """Reach the registries, STS, EC2 and logs inside the VPC: private, and billed by endpoint, zone and hour."""
    flow_logs: bool = False
    """Record every connection of the VPC's interfaces; billed by volume."""
    admin_role_arn: Annotated[
        str,
        StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"),
        FlipsTo("arn:aws:iam::111111111111:role/another-admin"),
    ]
    """The IAM role whose holders administer the cluster; nobody else is let in."""
    public_access_cidrs: Annotated[tuple[Cidr, ...], FlipsTo(("198.51.100.0/24",))] = ()
    """Networks that may reach the control plane from outside; if empty, it is private."""
    shared_volumes: bool = False
    """EFS, for volumes that many pods write to, such as model caches; billed by what is stored, read and written."""
    buckets: Annotated[Buckets | None, FlipsTo({"cold_after_days": 60, "keep_replaced_days": 30, "protect": False})] = (
        None
    )
    """Buckets to create; if left out, none."""
    deletion_protection: bool
    """Refuse to delete the cluster until this is set to false and applied."""
    pools: Annotated[tuple[NodePool, ...], Field(min_length=1)]
    """Node pools, exactly one of them a cpu pool of purpose `system`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_zones(self.zones, self.region, separator="")
        require_room(self.vpc_cidr, self.zones, self.pools)
        require_minor("eks", self.kubernetes_minor)
        require_pools("eks", self.pools, self.zones)
        require_accelerators("eks", self.region, self.zones, self.pools)
        _require_started_on_demand(self.pools)
        return self


def _require_started_on_demand(pools: tuple[NodePool, ...]) -> None:
    """Refuse `min_nodes` in Karpenter's pools, and a system pool's group that is empty or made of reservations."""
    for index, pool in enumerate(pools):
        is_system = pool.kind == "cpu" and pool.purpose == "system"
        for place, entry in enumerate(pool.capacity):
            if is_system and entry.kind == "reservation":
                raise refuse(
                    "the system pool is a managed node group, and reservations are used by Karpenter's pools",
                    key=f"pools[{index}].capacity[{place}].kind",
                    value=entry.kind,
                    allowed="on_demand",
                    remedy="remove the reservation; an open one is used by on-demand nodes of its type by itself",
                )
            if is_system and not entry.min_nodes:
                raise refuse(
                    "nothing would carry Karpenter, which starts every other node",
                    key=f"pools[{index}].capacity[{place}].min_nodes",
                    value=0,
                    allowed="1 or more; 2 keep Karpenter through the loss of a node",
                    remedy="write min_nodes: 2",
                )
            if entry.min_nodes and not is_system:
                raise refuse(
                    f"pool {pool.name} is Karpenter's, which starts a node for a pod that waits and ends an empty one",
                    key=f"pools[{index}].capacity[{place}].min_nodes",
                    value=entry.min_nodes,
                    allowed="0; nodes that always run are the system pool's",
                    remedy="write min_nodes: 0 and keep nodes by the replicas that run on them",
                )
