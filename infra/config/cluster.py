"""Where the services run: a GKE cluster, an EKS cluster, or one that exists already."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from infra.catalog.machines import Cloud, find_machine, machines_with
from infra.config.cidr import Cidr, require_apart
from infra.config.pools import NodePool
from infra.config.section import FlipsTo, Section, refuse

Minor = Annotated[str, StringConstraints(pattern=r"^1\.[0-9]{2}$")]
"""A Kubernetes minor, quoted in YAML: "1.35"."""


class GkeCluster(Section):
    """A private, VPC-native, regional GKE cluster."""

    kind: Literal["gke"]
    project_id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$"), FlipsTo("another-project")]
    """Project that everything is created in."""
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]+-[a-z]+[0-9]+$")]
    """The cloud's name for it; part of the stack's name."""
    zones: Annotated[tuple[str, ...], Field(min_length=1, max_length=3), FlipsTo(("europe-west4-b",))]
    """Where nodes run. Three keep an index of three replicas through the loss of one."""
    kubernetes_minor: Annotated[Minor, FlipsTo("1.34")]
    """In quotes, such as "1.35"."""
    release_channel: Annotated[Literal["RAPID", "REGULAR", "STABLE"], FlipsTo("RAPID")]
    """How early patches arrive."""
    nodes_cidr: Annotated[Cidr, FlipsTo("10.200.0.0/20")]
    """Addresses of nodes."""
    pods_cidr: Annotated[Cidr, FlipsTo("10.128.0.0/14")]
    """Addresses of pods; a /14 has room for 1 024 nodes."""
    services_cidr: Annotated[Cidr, FlipsTo("10.210.0.0/20")]
    """Addresses of Services."""
    deletion_protection: bool
    """Refuse to delete the cluster until this is set to false and applied."""
    pools: Annotated[tuple[NodePool, ...], Field(min_length=1)]
    """Node pools, exactly one of them a cpu pool of purpose `system`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_zones(self.zones, self.region, separator="-")
        require_apart(nodes_cidr=self.nodes_cidr, pods_cidr=self.pods_cidr, services_cidr=self.services_cidr)
        require_pools("gke", self.pools)
        return self


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
    """`one` costs a third; without its zone, nodes of every zone lose the way out until it is back."""
    interface_endpoints: bool = False
    """Reach the registries, STS, EC2 and logs inside the VPC: private, and paid for by endpoint, zone and hour."""
    flow_logs: bool = False
    """Record every connection of the VPC's interfaces; paid for by volume."""
    admin_role_arn: Annotated[
        str,
        StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"),
        FlipsTo("arn:aws:iam::111111111111:role/another-admin"),
    ]
    """The IAM role whose holders administer the cluster; nobody else is let in."""
    public_access_cidrs: Annotated[tuple[Cidr, ...], FlipsTo(("198.51.100.0/24",))] = ()
    """Networks that may reach the control plane from outside; none makes it private."""
    deletion_protection: bool
    """Refuse to delete the cluster until this is set to false and applied."""
    pools: Annotated[tuple[NodePool, ...], Field(min_length=1)]
    """Node pools, exactly one of them a cpu pool of purpose `system`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_zones(self.zones, self.region, separator="")
        require_pools("eks", self.pools)
        return self


class ExistingCluster(Section):
    """A cluster made elsewhere (k3d, kind, on-premises), reached by its kubeconfig context."""

    kind: Literal["existing"]
    context: Annotated[str, Field(min_length=1), FlipsTo("another-context")]
    """Name of the kubeconfig context."""
    storage_class: Annotated[str, Field(min_length=1), FlipsTo("another-class")]
    """Class of the volumes that stateful services claim."""


Cluster = Annotated[GkeCluster | EksCluster | ExistingCluster, Field(discriminator="kind")]


def require_zones(zones: tuple[str, ...], region: str, *, separator: str) -> None:
    """Refuse a zone of another region, and one named twice."""
    for index, zone in enumerate(zones):
        if zone in zones[:index] or not (
            zone.startswith(region + separator) and len(zone) == len(region + separator) + 1
        ):
            raise refuse(
                f"{zone!r} is not a further zone of {region}",
                key=f"zones[{index}]",
                value=zone,
                allowed=f"different zones such as {region}{separator}a",
                remedy="write zones of the cluster's own region, each once",
            )


def require_pools(cloud: Cloud, pools: tuple[NodePool, ...]) -> None:
    """Refuse pools of one name, no or several system pools, and machines that do not carry what the pool says."""
    for index, pool in enumerate(pools):
        key = f"pools[{index}]"
        if pool.name in {earlier.name for earlier in pools[:index]}:
            raise refuse(
                "two pools have one name",
                key=f"{key}.name",
                value=pool.name,
                allowed="a name of its own for each pool",
                remedy="rename one of them",
            )
        _require_machine(cloud, pool, key)
    system = [pool.name for pool in pools if pool.kind == "cpu" and pool.purpose == "system"]
    if len(system) != 1:
        raise refuse(
            f"{len(system)} pools have the purpose `system`",
            key="pools",
            value=system,
            allowed="exactly one cpu pool of purpose `system`",
            remedy="add one, or make the others `batch`",
        )


def _require_machine(cloud: Cloud, pool: NodePool, key: str) -> None:
    accelerator = pool.accelerator if pool.kind == "gpu" else None
    carrying = machines_with(cloud, accelerator)
    if pool.kind == "gpu" and not carrying:
        raise refuse(
            f"no {cloud} machine type with this accelerator is known",
            key=f"{key}.accelerator",
            value=accelerator,
            allowed="an accelerator of infra/catalog/machines.csv",
            remedy="choose one of them, or add the machine with its source to that file",
        )
    machine = find_machine(cloud, pool.machine_type)
    if machine not in carrying:
        carries = machine.accelerator.name if machine and machine.accelerator else "no accelerator"
        raise refuse(
            f"it carries {carries}, the pool says {accelerator or 'none'}"
            if machine
            else "the machine type is not known",
            key=f"{key}.machine_type",
            value=pool.machine_type,
            allowed=", ".join(choice.machine_type for choice in carrying),
            remedy="write one of these, or add the machine with its source to infra/catalog/machines.csv",
        )
