"""Weaviate as a StatefulSet: authenticated, without modules, its replicas a RAFT cluster.

The settings were taken from `usecases/config/environment.go` of weaviate/weaviate v1.39.6. Deliberately absent: an
autoscaler, since a new replica is empty until shards are moved to it, and backups.
"""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.config.secrets import SecretKey
from infra.config.vector_store import Weaviate as WeaviateConfig
from infra.contracts import WeaviateEndpoint
from infra.services.network import Access, ReplicaPort
from infra.services.pods import HttpProbe, PodSpec, Scratch, Spread, Volume, gibibytes
from infra.services.workload import Site, Workload, peer
from infra.versions import VERSIONS

NAME = "weaviate"
HEADLESS = f"{NAME}-headless"
DATA = Volume(claim="data", path="/var/lib/weaviate")

HTTP_PORT, GRPC_PORT, METRICS_PORT = 8080, 50051, 2112
GOSSIP_PORT, DATA_PORT, RAFT_PORT, RAFT_RPC_PORT = 7000, 7001, 8300, 8301
REPLICA_PORTS = (
    ReplicaPort(port=GOSSIP_PORT),
    ReplicaPort(port=GOSSIP_PORT, protocol="UDP"),
    ReplicaPort(port=DATA_PORT),
    ReplicaPort(port=RAFT_PORT),
    ReplicaPort(port=RAFT_RPC_PORT),
)

MOST_VOTERS = 3
"""Further replicas do not vote, so that growing from 3 to 5 changes no setting of the running ones."""

USER = "ragspan"
"""The user of the API key, the only root user."""

HEAP_SHARE = 0.8
"""Share of the memory limit; the rest is page cache for mapped files. The same as LIMIT_RESOURCES would set."""

READY, LIVE = "/v1/.well-known/ready", "/v1/.well-known/live"


@dataclass(frozen=True, kw_only=True)
class WeaviateArgs:
    """`zones` is how many zones the cluster spans, 0 if it does not say."""

    site: Site
    config: WeaviateConfig
    zones: int


class Weaviate(pulumi.ComponentResource):
    """1, 3 or 5 replicas with retained volumes, in different zones and on different nodes."""

    endpoint: WeaviateEndpoint

    def __init__(self, name: str, args: WeaviateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:services:Weaviate", name, None, opts)
        site, config = args.site, args.config
        clients = peer(NAME, site, HTTP_PORT, GRPC_PORT)
        workload = Workload(
            name,
            parent=self,
            site=site,
            spec=_pod(args),
            access=Access(accepts=clients, metrics_port=METRICS_PORT, among_replicas=REPLICA_PORTS),
        )
        self._create_headless_service(name, workload)
        self._create_stateful_set(name, workload, args)
        workload.create_service({"http": HTTP_PORT, "grpc": GRPC_PORT})
        host = site.address(NAME)
        self.endpoint = WeaviateEndpoint(
            http_url=pulumi.Output.format("http://{0}:{1}", host, HTTP_PORT),
            grpc_host=host,
            grpc_port=GRPC_PORT,
            replication_factor=_replication_factor(config),
            api_key=config.api_key,
            peer=clients,
        )
        self.register_outputs({"http_url": self.endpoint.http_url})

    def _create_headless_service(self, name: str, workload: Workload) -> None:
        """Create the Service by which replicas find one another, even while they wait for a quorum to become ready."""
        k8s.core.v1.Service(
            f"{name}-headless",
            metadata=workload.metadata(HEADLESS),
            spec=k8s.core.v1.ServiceSpecArgs(
                cluster_ip="None",
                publish_not_ready_addresses=True,
                selector=workload.selector,
                ports=[k8s.core.v1.ServicePortArgs(name="gossip", port=GOSSIP_PORT)],
            ),
            opts=workload.child(),
        )

    def _create_stateful_set(self, name: str, workload: Workload, args: WeaviateArgs) -> None:
        config = args.config
        k8s.apps.v1.StatefulSet(
            f"{name}-stateful-set",
            metadata=workload.metadata(),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                replicas=config.replicas,
                service_name=HEADLESS,
                # Replicas elect a leader before any of them is ready; starting them one by one would wait for ever.
                pod_management_policy="Parallel",
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=workload.selector),
                template=workload.template,
                volume_claim_templates=[_claim(workload, args)],
                persistent_volume_claim_retention_policy=(
                    k8s.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicyArgs(
                        when_deleted="Retain", when_scaled="Retain"
                    )
                ),
            ),
            opts=workload.child(
                depends_on=workload.before_pods,
                protect=config.protect,
                timeout_s=workload.start_timeout_s(config.replicas),
            ),
        )


def _claim(workload: Workload, args: WeaviateArgs) -> k8s.core.v1.PersistentVolumeClaimArgs:
    return k8s.core.v1.PersistentVolumeClaimArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(name=DATA.claim, labels=workload.selector),
        spec=k8s.core.v1.PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"],
            storage_class_name=args.site.cluster.storage_class,
            resources=k8s.core.v1.VolumeResourceRequirementsArgs(
                requests={"storage": gibibytes(args.config.storage_gib)}
            ),
        ),
    )


def _pod(args: WeaviateArgs) -> PodSpec:
    config = args.config
    several = config.replicas > 1
    return PodSpec(
        name=NAME,
        component="vector-store",
        image=VERSIONS.weaviate_image,
        args=("--host", "0.0.0.0", "--port", str(HTTP_PORT), "--scheme", "http"),  # noqa: S104 - a pod's own address
        env=_environment(args),
        field_env={"CLUSTER_HOSTNAME": "metadata.name"},
        secret_env={
            "AUTHENTICATION_APIKEY_ALLOWED_KEYS": config.api_key,
            "CLUSTER_BASIC_AUTH_USERNAME": SecretKey(name=config.cluster_auth.name, key="username"),
            "CLUSTER_BASIC_AUTH_PASSWORD": SecretKey(name=config.cluster_auth.name, key="password"),
        },
        ports={"http": HTTP_PORT, "grpc": GRPC_PORT, "metrics": METRICS_PORT},
        startup=HttpProbe(path=READY, period_s=10, failures=180),
        readiness=HttpProbe(path=READY, period_s=5, failures=3),
        liveness=HttpProbe(path=LIVE, period_s=10, failures=6),
        cpu_cores=config.cpu_cores,
        memory_gib=config.memory_gib,
        scratch={"/tmp": Scratch(size_gib=1)},  # noqa: S108 - a volume of the pod's own
        volume=DATA,
        placement=args.site.cluster.place_on_system_pool(),
        spread=Spread(zones=args.zones if several else 0, one_per_node=several),
        grace_s=600,
    )


def _environment(args: WeaviateArgs) -> dict[str, pulumi.Input[str]]:
    config = args.config
    voters = [f"{NAME}-{ordinal}" for ordinal in range(min(config.replicas, MOST_VOTERS))]
    return {
        "PERSISTENCE_DATA_PATH": DATA.path,
        "GOMEMLIMIT": f"{round(config.memory_gib * 1024 * HEAP_SHARE)}MiB",
        "CLUSTER_JOIN": pulumi.Output.concat(args.site.address(HEADLESS), f":{GOSSIP_PORT}"),
        "CLUSTER_GOSSIP_BIND_PORT": str(GOSSIP_PORT),
        "CLUSTER_DATA_BIND_PORT": str(DATA_PORT),
        "RAFT_PORT": str(RAFT_PORT),
        "RAFT_INTERNAL_RPC_PORT": str(RAFT_RPC_PORT),
        "RAFT_JOIN": ",".join(voters),
        "RAFT_BOOTSTRAP_EXPECT": str(len(voters)),
        "REPLICATION_MINIMUM_FACTOR": str(_replication_factor(config)),
        "ASYNC_REPLICATION_DISABLED": "false",
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_USERS": USER,
        "AUTHORIZATION_RBAC_ENABLED": "true",
        "AUTHORIZATION_RBAC_ROOT_USERS": USER,
        "AUTOSCHEMA_ENABLED": "false",
        "DEFAULT_VECTORIZER_MODULE": "none",
        "API_BASED_MODULES_DISABLED": "true",
        "GRPC_PORT": str(GRPC_PORT),
        "PROMETHEUS_MONITORING_ENABLED": "true",
        "PROMETHEUS_MONITORING_PORT": str(METRICS_PORT),
        "QUERY_DEFAULTS_LIMIT": "25",
        "GO_PROFILING_DISABLE": "true",
        "DISABLE_TELEMETRY": "true",
    }


def _replication_factor(config: WeaviateConfig) -> int:
    """Return the copies of every object: three, so that a quorum outlives one replica, or one if there is one."""
    return min(config.replicas, 3)
