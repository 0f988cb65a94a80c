"""A site to put services on, configs for them, and a way to look at the pods that come out."""

from collections.abc import Callable
from typing import Any, TypeVar

import pulumi
import pulumi_kubernetes as k8s

from infra.config.app import App, Image
from infra.config.cache import NoCache
from infra.config.cache import Valkey as ValkeyConfig
from infra.config.models import Vllm as VllmConfig
from infra.config.secrets import BasicAuth, SecretKey
from infra.config.vector_store import Weaviate as WeaviateConfig
from infra.contracts import LlmEndpoint, Placement, Toleration
from infra.naming import Names
from infra.services.rag_api import RagApi, RagApiArgs
from infra.services.valkey import Valkey, ValkeyArgs
from infra.services.vllm import Vllm, VllmArgs
from infra.services.weaviate import Weaviate, WeaviateArgs
from infra.services.workload import Site
from ops.plan.graph import RecordedStack
from tests.support.recording import recorded

_Model = TypeVar("_Model", App, ValkeyConfig, VllmConfig, WeaviateConfig)


class SampleCluster:
    """A cluster that is there already, with a tainted GPU pool `gpu`."""

    def __init__(self) -> None:
        self.provider = k8s.Provider("cluster-kubernetes", context="sample")
        self.storage_class = "fast"
        self.ready = (k8s.storage.v1.StorageClass("ready", provisioner="sample", opts=_on(self.provider)),)

    def place_on_system_pool(self) -> Placement:
        return Placement(node_selector={"pool": "system"})

    def place_on_gpu_pool(self, pool: str) -> Placement:
        return Placement(
            node_selector={"pool": pool},
            tolerations=(Toleration(key="nvidia.com/gpu", value="present"),),
            annotations={"stays": "true"},
        )


def _on(provider: k8s.Provider) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(provider=provider)


def secret(name: str) -> SecretKey:
    return SecretKey(name=name, key="key")


WEAVIATE = WeaviateConfig(
    kind="weaviate",
    replicas=3,
    cpu_cores=2.0,
    memory_gib=8.0,
    storage_gib=50,
    api_key=secret("weaviate-api-key"),
    cluster_auth=BasicAuth(name="weaviate-cluster"),
    protect=True,
)
VLLM = VllmConfig(
    kind="vllm",
    model="Qwen/Qwen3-8B",
    pool="gpu",
    replicas=2,
    gpus=1,
    cpu_cores=4.0,
    memory_gib=24.0,
    max_model_len=8192,
    weights_gib=20,
    start_timeout_s=1205,
    max_answer_tokens=1024,
    api_key=secret("llm-api-key"),
)
VALKEY = ValkeyConfig(kind="valkey", cpu_cores=0.25, memory_gib=1.0, password=secret("valkey"))
NO_CACHE = NoCache(kind="none")
APP = App(
    image=Image(repository="registry.example/ragspan", version="1.2.3"),
    replicas=2,
    cpu_cores=0.5,
    memory_gib=1.5,
    api_keys=secret("rag-api-keys"),
    session_secret=secret("rag-sessions"),
    hosts=("rag.example",),
)


def changed(config: _Model, **changes: object) -> _Model:
    return type(config).model_validate({**config.model_dump(), **changes})


def site() -> Site:
    return Site(cluster=SampleCluster(), namespace="ragspan", names=Names(stack="dev-gcp-test", environment="dev"))


def weaviate(config: WeaviateConfig = WEAVIATE, *, zones: int = 3) -> RecordedStack:
    return recorded(lambda: Weaviate("weaviate", WeaviateArgs(site=site(), config=config, zones=zones)))


def vllm(config: VllmConfig = VLLM) -> RecordedStack:
    return recorded(lambda: Vllm("llm", VllmArgs(site=site(), config=config)))


def valkey(config: ValkeyConfig = VALKEY) -> RecordedStack:
    return recorded(lambda: Valkey("cache", ValkeyArgs(site=site(), config=config)))


def rag_api(config: App = APP, *, with_llm: bool = True, cache: NoCache | ValkeyConfig = NO_CACHE) -> RecordedStack:
    def program() -> None:
        here = site()
        store = Weaviate("weaviate", WeaviateArgs(site=here, config=WEAVIATE, zones=3)).endpoint
        llm: LlmEndpoint | None = Vllm("llm", VllmArgs(site=here, config=VLLM)).endpoint if with_llm else None
        server = None
        if isinstance(cache, ValkeyConfig):
            server = Valkey("cache", ValkeyArgs(site=here, config=cache)).endpoint
        args = RagApiArgs(site=here, config=config, vector_store=store, llm=llm, cache=cache, cache_server=server)
        RagApi("rag-api", args)

    return recorded(program)


SERVICES: dict[str, Callable[[], RecordedStack]] = {
    "weaviate": weaviate,
    "llm": vllm,
    "valkey": valkey,
    "rag-api": rag_api,
}


def controller(stack: RecordedStack, name: str) -> Any:
    """The inputs of the Deployment or StatefulSet `name`."""
    kinds = (stack.of_type("kubernetes:apps/v1:Deployment"), stack.of_type("kubernetes:apps/v1:StatefulSet"))
    return next(r.inputs for found in kinds for r in found if r.inputs["metadata"]["name"] == name)


def pod(stack: RecordedStack, name: str) -> Any:
    return controller(stack, name)["spec"]["template"]["spec"]


def environment(stack: RecordedStack, name: str) -> dict[str, str]:
    """The variables of the workload's container that are set to a value."""
    return {entry["name"]: entry["value"] for entry in pod(stack, name)["containers"][0]["env"] if "value" in entry}


def secret_environment(stack: RecordedStack, name: str) -> dict[str, tuple[str, str]]:
    """The variables that come from a Secret: its name and key."""
    sources = {e["name"]: e["valueFrom"] for e in pod(stack, name)["containers"][0]["env"] if "valueFrom" in e}
    references = {name: source["secretKeyRef"] for name, source in sources.items() if "secretKeyRef" in source}
    return {name: (reference["name"], reference["key"]) for name, reference in references.items()}


def manifest(stack: RecordedStack, kind: str, name: str) -> Any:
    return next(m.body for m in stack.manifests() if (m.kind, m.name) == (kind, name))
