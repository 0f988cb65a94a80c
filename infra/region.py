"""The composition root: a cluster, its namespace, and the services in it. It creates no resources itself.

Each cloud's module is imported inside its `match` arm, so that a stack on one cloud never loads the other's SDK.
"""

from dataclasses import dataclass

import pulumi

from infra.config.cache import Cache, External, InMemory, NoCache, Valkey
from infra.config.cluster import Cluster, EksCluster, ExistingCluster, GkeCluster
from infra.config.models import Endpoint, Extractive, Llm, Vllm
from infra.config.pools import NodePool
from infra.config.stack import StackConfig
from infra.contracts import (
    CacheEndpoint,
    Callee,
    InNamespace,
    KubernetesCluster,
    LlmEndpoint,
    Outside,
    Placement,
)
from infra.naming import Names
from infra.services.headroom import Headroom, HeadroomArgs, Room
from infra.services.namespace import Namespace, NamespaceArgs
from infra.services.rag_api import RagApi, RagApiArgs
from infra.services.weaviate import Weaviate, WeaviateArgs
from infra.services.workload import Site


@dataclass(frozen=True, kw_only=True)
class RagRegionArgs:
    """The stack's configuration."""

    config: StackConfig


class RagRegion(pulumi.ComponentResource):
    """Retrieval-augmented generation in one region of one environment."""

    namespace: pulumi.Output[str]
    api_address: pulumi.Output[str]
    """Base URL of the answer service inside the cluster."""

    def __init__(self, name: str, args: RagRegionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:region:RagRegion", name, None, opts)
        config = args.config
        self._child = pulumi.ResourceOptions(parent=self)
        names = Names(stack=config.name, environment=config.environment)
        cluster = self._create_cluster(config.cluster, names)
        namespace = Namespace(
            "namespace",
            NamespaceArgs(cluster=cluster, names=names, protect=config.vector_store.protect),
            self._child,
        )
        site = Site(cluster=cluster, namespace=namespace.namespace, names=names)
        weaviate = Weaviate(
            "weaviate",
            WeaviateArgs(site=site, config=config.vector_store, zones=_zones(config.cluster)),
            self._child,
        )
        llm = self._create_llm(config.models.llm, site)
        api = RagApi(
            "rag-api",
            RagApiArgs(
                site=site,
                config=config.app,
                vector_store=weaviate.endpoint,
                llm=llm,
                cache=config.cache,
                cache_server=self._create_cache_server(config.cache, site),
            ),
            self._child,
        )
        self._hold_room(config.cluster, site)
        self.namespace, self.api_address = namespace.namespace, api.address
        self.register_outputs({"namespace": self.namespace, "api_address": self.api_address})

    def _create_cluster(self, config: Cluster, names: Names) -> KubernetesCluster:
        match config:
            case GkeCluster():
                from infra.clusters import gke  # noqa: PLC0415 - this cloud's SDK, for its own stacks only

                return gke.GkeCluster("cluster", gke.GkeClusterArgs(config=config, names=names), self._child)
            case EksCluster():
                from infra.clusters import eks  # noqa: PLC0415 - this cloud's SDK, for its own stacks only

                return eks.EksCluster("cluster", eks.EksClusterArgs(config=config, names=names), self._child)
            case ExistingCluster():
                from infra.clusters import existing  # noqa: PLC0415 - like the others

                return existing.ExistingCluster("cluster", existing.ExistingClusterArgs(config=config), self._child)

    def _hold_room(self, config: Cluster, site: Site) -> None:
        if isinstance(config, ExistingCluster):
            return
        rooms = [
            Room(pool=pool.name, size=pool.headroom, placement=_place(pool, site.cluster))
            for pool in config.pools
            if pool.headroom
        ]
        if rooms:
            Headroom("headroom", HeadroomArgs(site=site, rooms=rooms), self._child)

    def _create_llm(self, config: Llm, site: Site) -> LlmEndpoint | None:
        match config:
            case Vllm():
                from infra.services import vllm  # noqa: PLC0415 - for stacks with a model server only

                return vllm.Vllm("llm", vllm.VllmArgs(site=site, config=config), self._child).endpoint
            case Endpoint():
                return LlmEndpoint(
                    base_url=config.url,
                    model=config.model,
                    max_answer_tokens=config.max_answer_tokens,
                    api_key=config.api_key,
                    server=_server_of(config),
                )
            case Extractive():
                return None

    def _create_cache_server(self, config: Cache, site: Site) -> CacheEndpoint | None:
        match config:
            case Valkey():
                from infra.services import valkey  # noqa: PLC0415 - for stacks with a server of their own only

                return valkey.Valkey("cache", valkey.ValkeyArgs(site=site, config=config), self._child).endpoint
            case External():
                scheme = "rediss" if config.tls else "redis"
                return CacheEndpoint(
                    url=f"{scheme}://{config.host}:{config.port}",
                    password=config.password,
                    username=config.username,
                    timeout_s=config.timeout_s,
                    server=Outside(cidr=config.cidr, port=config.port),
                )
            case InMemory() | NoCache():
                return None


def _server_of(config: Endpoint) -> Callee | None:
    if config.namespace:
        return InNamespace(namespace=config.namespace, port=config.port)
    return Outside(cidr=config.cidr, port=config.port) if config.cidr else None


def _place(pool: NodePool, cluster: KubernetesCluster) -> Placement:
    return cluster.place_on_gpu_pool(pool.name) if pool.kind == "gpu" else cluster.place_on_system_pool()


def _zones(cluster: Cluster) -> int:
    """Return how many zones the nodes span; 0 if the stack file does not say."""
    return 0 if isinstance(cluster, ExistingCluster) else len(cluster.zones)
