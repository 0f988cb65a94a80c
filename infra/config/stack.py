"""The configuration of one stack (environment x cloud x region), as its file `stacks/Pulumi.<stack>.yaml` gives it."""

from typing import Literal, Self

from pydantic import model_validator

from infra.config.app import App
from infra.config.cache import Cache
from infra.config.cluster import Cluster, EksCluster, ExistingCluster, GkeCluster
from infra.config.minor import warn_of_minor
from infra.config.models import Models
from infra.config.pools import GpuPool, known_machine
from infra.config.section import Section, refuse
from infra.config.vector_store import Weaviate

Environment = Literal["local", "dev", "staging", "prod"]


class StackConfig(Section):
    """Everything a stack file says, checked as a whole."""

    name: str
    """The stack's name: not a key of the file but a part of the file's own name."""
    environment: Environment
    """First part of the stack's name."""
    cluster: Cluster
    """Where everything runs."""
    vector_store: Weaviate
    """The database that holds the index."""
    models: Models
    """Model servers."""
    cache: Cache
    """Where answers are kept for the next who ask."""
    app: App
    """The answer service."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _require_name(self)
        _require_enough_replicas(self)
        _require_gpus(self)
        return self


def _require_name(config: StackConfig) -> None:
    match config.cluster:
        case ExistingCluster():
            expected = config.environment
        case cluster:
            cloud = {"gke": "gcp", "eks": "aws"}[cluster.kind]
            expected = f"{config.environment}-{cloud}-{cluster.region}"
    if config.name != expected:
        raise refuse(
            f"the file is named for {config.name!r}, its contents say {expected!r}",
            key="environment",
            value=config.environment,
            allowed="a file name of <environment>-<cloud>-<region>, or <environment> for an existing cluster",
            remedy=f"rename the file to Pulumi.{expected}.yaml, or correct environment, cluster.kind or cluster.region",
        )


def _require_enough_replicas(config: StackConfig) -> None:
    if config.vector_store.replicas == 1 and config.environment not in {"local", "dev"}:
        raise refuse(
            f"one replica loses the index of {config.environment} with its node",
            key="vector_store.replicas",
            value=1,
            allowed="3 or 5 (1 in local and dev only)",
            remedy="write replicas: 3",
        )


def _require_gpus(config: StackConfig) -> None:
    llm = config.models.llm
    if llm.kind != "vllm":
        return
    cluster = config.cluster
    pools = [] if isinstance(cluster, ExistingCluster) else [p for p in cluster.pools if isinstance(p, GpuPool)]
    pool = next((pool for pool in pools if pool.name == llm.pool), None)
    if pool is None or isinstance(cluster, ExistingCluster):
        raise refuse(
            "the model server runs on a GPU pool of its cluster",
            key="models.llm.pool",
            value=llm.pool,
            allowed=", ".join(pool.name for pool in pools) or "nothing here: the cluster has no GPU pool",
            remedy="name a pool of kind gpu, or write kind: extractive",
        )
    if pool.sharing:
        raise refuse(
            f"the model server takes whole GPUs, and pool {pool.name} shares them by {pool.sharing.kind}",
            key="models.llm.pool",
            value=llm.pool,
            allowed=", ".join(pool.name for pool in pools if not pool.sharing) or "a pool without `sharing`",
            remedy="name such a pool, or add one",
        )
    machine = known_machine(cluster.kind, pool)
    for key, asked, has in (
        ("gpus", llm.gpus, machine.gpus),
        ("cpu_cores", llm.cpu_cores, machine.vcpus),
        ("memory_gib", llm.memory_gib, machine.memory_gib),
    ):
        if asked > has:
            raise refuse(
                "a replica cannot span nodes",
                key=f"models.llm.{key}",
                value=asked,
                allowed=f"up to {has} ({pool.machine_type} of pool {pool.name})",
                remedy="lower it or give the pool a larger machine",
            )


def warnings(config: StackConfig) -> list[str]:
    """Return one sentence for each thing that is accepted but deserves a look."""
    match config.cluster:
        case GkeCluster() as cluster:
            found = warn_of_minor("gke", cluster.kubernetes_minor, cluster.release_channel)
        case EksCluster() as cluster:
            found = warn_of_minor("eks", cluster.kubernetes_minor)
        case ExistingCluster():
            found = None
    return [found] if found else []
