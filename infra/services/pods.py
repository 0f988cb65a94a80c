"""Hardened pod defaults, in one place: a workload says what it needs and is restricted automatically.

Every pod runs as an unprivileged user on a read-only root file system, without capabilities, API token or service
links, with a memory limit, room on the node's disk, three probes and replicas that avoid one another. CPU has a request
but no limit: a limit would stall a replica while its node is idle, and requests already share a busy node fairly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pulumi
import pulumi_kubernetes as k8s

from infra.config.secrets import SecretKey
from infra.contracts import Callee, Peer, Placement

UNPRIVILEGED_ID = 65532
"""User and group `nonroot`, as distroless images number them (https://github.com/GoogleContainerTools/distroless)."""

LOGS_GIB = 1
"""Room on the node's disk for a container's logs, beside its scratch folders."""

ZONE = "topology.kubernetes.io/zone"
NODE = "kubernetes.io/hostname"


@dataclass(frozen=True, kw_only=True)
class HttpProbe:
    """A GET that must return 200 to 399: repeated every `period_s`, failed after `failures` in a row."""

    path: str
    period_s: int
    failures: int
    timeout_s: int = 3


@dataclass(frozen=True, kw_only=True)
class TcpProbe:
    """A connection that must be accepted, for servers without HTTP; times as in HttpProbe."""

    period_s: int
    failures: int
    timeout_s: int = 3


Probe: TypeAlias = HttpProbe | TcpProbe


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """A writable folder that is deleted with its pod. In memory it counts against the memory limit."""

    size_gib: int
    in_memory: bool = False


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How replicas avoid one another. By default they prefer different zones and nodes.

    `zones`: require an even spread over this many zones. `one_per_node`: never two on a node.
    """

    zones: int = 0
    one_per_node: bool = False


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A persistent volume that a StatefulSet claims under this name."""

    claim: str
    path: str


@dataclass(frozen=True, kw_only=True)
class PodSpec:
    """What one workload's pods need. `probe_port` is one of `ports`, which are container ports by name."""

    name: str
    component: str
    image: str
    command: Sequence[str] = ()
    args: Sequence[str] = ()
    env: Mapping[str, pulumi.Input[str]]
    field_env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables whose value is a field of the pod, e.g. `metadata.name`."""
    secret_env: Mapping[str, SecretKey]
    ports: Mapping[str, int]
    probe_port: str = "http"
    startup: Probe
    readiness: Probe
    liveness: Probe
    cpu_cores: float
    memory_gib: float
    gpus: int = 0
    scratch: Mapping[str, Scratch]
    """Writable folders by path; everything else is read-only."""
    volume: Volume | None = None
    placement: Placement
    spread: Spread = field(default_factory=Spread)
    calls: Sequence[Callee] = ()
    """The servers that its pods call."""
    drain_s: int = 0
    """How long a terminating pod keeps answering, until every Service has stopped sending to it."""
    grace_s: int
    """How long it may take to stop, including `drain_s`, before it is killed."""


def pod_template(
    spec: PodSpec, *, labels: Mapping[str, str], selector: Mapping[str, str], account: pulumi.Input[str]
) -> k8s.core.v1.PodTemplateSpecArgs:
    """Return the restricted pod that `spec` describes."""
    peers = [callee for callee in spec.calls if isinstance(callee, Peer)]
    client_labels = {key: value for peer in peers for key, value in peer.client_labels.items()}
    return k8s.core.v1.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(
            labels={**labels, **client_labels}, annotations=dict(spec.placement.annotations) or None
        ),
        spec=k8s.core.v1.PodSpecArgs(
            service_account_name=account,
            automount_service_account_token=False,
            enable_service_links=False,
            security_context=pod_security(),
            containers=[_container(spec)],
            volumes=_volumes(spec),
            node_selector=dict(spec.placement.node_selector) or None,
            tolerations=tolerations_of(spec.placement),
            topology_spread_constraints=_topology_spread(spec.spread, selector),
            affinity=_one_per_node(selector) if spec.spread.one_per_node else None,
            termination_grace_period_seconds=spec.grace_s,
        ),
    )


def pod_security() -> k8s.core.v1.PodSecurityContextArgs:
    """Return a security context with an unprivileged user and group and the runtime's default seccomp profile."""
    return k8s.core.v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=UNPRIVILEGED_ID,
        run_as_group=UNPRIVILEGED_ID,
        fs_group=UNPRIVILEGED_ID,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def _container(spec: PodSpec) -> k8s.core.v1.ContainerArgs:
    return k8s.core.v1.ContainerArgs(
        name=spec.name,
        image=spec.image,
        command=list(spec.command) or None,
        args=list(spec.args) or None,
        env=_environment(spec),
        ports=[k8s.core.v1.ContainerPortArgs(name=name, container_port=port) for name, port in spec.ports.items()],
        startup_probe=_probe(spec.startup, spec.probe_port),
        readiness_probe=_probe(spec.readiness, spec.probe_port),
        liveness_probe=_probe(spec.liveness, spec.probe_port),
        resources=_resources(spec),
        volume_mounts=_mounts(spec),
        lifecycle=_drain(spec.drain_s) if spec.drain_s else None,
        security_context=container_security(),
    )


def container_security() -> k8s.core.v1.SecurityContextArgs:
    """Return a security context with a read-only root file system and no capabilities."""
    return k8s.core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
    )


def _environment(spec: PodSpec) -> list[k8s.core.v1.EnvVarArgs]:
    variable, source = k8s.core.v1.EnvVarArgs, k8s.core.v1.EnvVarSourceArgs
    literal = [variable(name=name, value=value) for name, value in spec.env.items()]
    fields = [
        variable(name=name, value_from=source(field_ref=k8s.core.v1.ObjectFieldSelectorArgs(field_path=path)))
        for name, path in spec.field_env.items()
    ]
    secrets = [
        variable(
            name=name,
            value_from=source(secret_key_ref=k8s.core.v1.SecretKeySelectorArgs(name=secret.name, key=secret.key)),
        )
        for name, secret in spec.secret_env.items()
    ]
    return [*fields, *secrets, *literal]


def _probe(probe: Probe, port: str) -> k8s.core.v1.ProbeArgs:
    return k8s.core.v1.ProbeArgs(
        http_get=k8s.core.v1.HTTPGetActionArgs(path=probe.path, port=port) if isinstance(probe, HttpProbe) else None,
        tcp_socket=k8s.core.v1.TCPSocketActionArgs(port=port) if isinstance(probe, TcpProbe) else None,
        period_seconds=probe.period_s,
        failure_threshold=probe.failures,
        timeout_seconds=probe.timeout_s,
    )


def _drain(drain_s: int) -> k8s.core.v1.LifecycleArgs:
    return k8s.core.v1.LifecycleArgs(
        pre_stop=k8s.core.v1.LifecycleHandlerArgs(sleep=k8s.core.v1.SleepActionArgs(seconds=drain_s))
    )


def _resources(spec: PodSpec) -> k8s.core.v1.ResourceRequirementsArgs:
    on_disk = sum(scratch.size_gib for scratch in spec.scratch.values() if not scratch.in_memory)
    return resources(spec.cpu_cores, spec.memory_gib, disk_gib=on_disk + LOGS_GIB, gpus=spec.gpus)


def resources(cpu_cores: float, memory_gib: float, *, disk_gib: int, gpus: int) -> k8s.core.v1.ResourceRequirementsArgs:
    """Return requests and equal limits, except for CPU, which is only requested."""
    bounded = {"memory": gibibytes(memory_gib), "ephemeral-storage": gibibytes(disk_gib)}
    devices = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    return k8s.core.v1.ResourceRequirementsArgs(
        requests={"cpu": _cores(cpu_cores), **bounded, **devices}, limits={**bounded, **devices}
    )


def gibibytes(amount: float) -> str:
    """Return a Kubernetes quantity in the API server's own form, so that it never shows up as a difference."""
    return f"{int(amount)}Gi" if amount == int(amount) else f"{round(amount * 1024)}Mi"


def _cores(amount: float) -> str:
    return str(int(amount)) if amount == int(amount) else f"{round(amount * 1000)}m"


def _mounts(spec: PodSpec) -> list[k8s.core.v1.VolumeMountArgs]:
    mounts = {_volume_name(path): path for path in spec.scratch}
    if spec.volume:
        mounts[spec.volume.claim] = spec.volume.path
    return [k8s.core.v1.VolumeMountArgs(name=name, mount_path=path) for name, path in mounts.items()]


def _volumes(spec: PodSpec) -> list[k8s.core.v1.VolumeArgs]:
    return [
        k8s.core.v1.VolumeArgs(
            name=_volume_name(path),
            empty_dir=k8s.core.v1.EmptyDirVolumeSourceArgs(
                size_limit=gibibytes(scratch.size_gib), medium="Memory" if scratch.in_memory else None
            ),
        )
        for path, scratch in spec.scratch.items()
    ]


def _volume_name(path: str) -> str:
    return path.strip("/").replace("/", "-")


def tolerations_of(placement: Placement) -> list[k8s.core.v1.TolerationArgs] | None:
    """Return the tolerations of pods with this placement, or None."""
    return [
        k8s.core.v1.TolerationArgs(key=taint.key, operator="Equal", value=taint.value, effect=taint.effect)
        for taint in placement.tolerations
    ] or None


def _topology_spread(spread: Spread, selector: Mapping[str, str]) -> list[k8s.core.v1.TopologySpreadConstraintArgs]:
    pods = k8s.meta.v1.LabelSelectorArgs(match_labels=dict(selector))
    constraint = k8s.core.v1.TopologySpreadConstraintArgs
    zones = constraint(
        topology_key=ZONE,
        max_skew=1,
        when_unsatisfiable="DoNotSchedule" if spread.zones else "ScheduleAnyway",
        min_domains=spread.zones or None,
        label_selector=pods,
    )
    nodes = constraint(topology_key=NODE, max_skew=1, when_unsatisfiable="ScheduleAnyway", label_selector=pods)
    return [zones] if spread.one_per_node else [zones, nodes]


def _one_per_node(selector: Mapping[str, str]) -> k8s.core.v1.AffinityArgs:
    others = k8s.core.v1.PodAffinityTermArgs(
        topology_key=NODE, label_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(selector))
    )
    return k8s.core.v1.AffinityArgs(
        pod_anti_affinity=k8s.core.v1.PodAntiAffinityArgs(required_during_scheduling_ignored_during_execution=[others])
    )
