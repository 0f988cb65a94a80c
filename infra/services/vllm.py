"""vLLM as the model server: an OpenAI-compatible API on a GPU pool; each replica downloads its weights at start.

The image is made for root with a writable home. As another user on a read-only root file system it needs `HOME` for the
caches of vLLM, Triton, torch and FlashInfer, and `USER`, which torch reads if the user is not in /etc/passwd.
Deliberately absent: a shared cache of weights, and scaling by load.
"""

from dataclasses import dataclass
from math import ceil

import pulumi

from infra.config.models import Vllm as VllmConfig
from infra.contracts import LlmEndpoint
from infra.services.network import Access
from infra.services.pods import HttpProbe, PodSpec, Scratch
from infra.services.workload import Site, Workload, peer
from infra.versions import VERSIONS

NAME = "llm"
"""Not `vllm`: a Service of that name would set VLLM_PORT in every pod that has service links."""

PORT = 8000
HOME, WEIGHTS, SHARED_MEMORY = "/home/vllm", "/weights", "/dev/shm"  # noqa: S108 - volumes of the pod's own

CACHES_GIB = 20
"""Compiled kernels and graphs, and the chunk cache of Hugging Face downloads (10 GB by default)."""

SHARED_MEMORY_GIB = 2
"""What tensor-parallel workers exchange through: https://docs.vllm.ai/en/stable/deployment/k8s/."""

PROBE_PERIOD_S = 10


@dataclass(frozen=True, kw_only=True)
class VllmArgs:
    """Where the model server runs, and what it serves."""

    site: Site
    config: VllmConfig


class Vllm(pulumi.ComponentResource):
    """Replicas of one model, each with whole GPUs."""

    endpoint: LlmEndpoint

    def __init__(self, name: str, args: VllmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:services:Vllm", name, None, opts)
        site, config = args.site, args.config
        clients = peer(NAME, site, PORT)
        workload = Workload(
            name,
            parent=self,
            site=site,
            spec=_pod(args),
            access=Access(accepts=clients, metrics_port=PORT, internet=True),
        )
        # A surplus replica would wait for a GPU that may not exist.
        workload.create_deployment(replicas=config.replicas, max_surge=0, max_unavailable=1)
        workload.create_service({"http": PORT})
        self.endpoint = LlmEndpoint(
            base_url=pulumi.Output.format("http://{0}:{1}/v1", site.address(NAME), PORT),
            model=config.model,
            max_answer_tokens=config.max_answer_tokens,
            api_key=config.api_key,
            server=clients,
        )
        self.register_outputs({"base_url": self.endpoint.base_url})


def _pod(args: VllmArgs) -> PodSpec:
    config = args.config
    secrets = {"VLLM_API_KEY": config.api_key}
    if config.hugging_face_token:
        secrets["HF_TOKEN"] = config.hugging_face_token
    return PodSpec(
        name=NAME,
        component="model-server",
        image=VERSIONS.vllm_image,
        command=("vllm", "serve"),
        args=_arguments(config),
        env={
            "HOME": HOME,
            "USER": NAME,
            "TORCHINDUCTOR_CACHE_DIR": f"{HOME}/.cache/torchinductor",
            "HF_HUB_CACHE": WEIGHTS,
            "VLLM_NO_USAGE_STATS": "1",
        },
        secret_env=secrets,
        ports={"http": PORT},
        startup=HttpProbe(
            path="/health", period_s=PROBE_PERIOD_S, failures=ceil(config.start_timeout_s / PROBE_PERIOD_S)
        ),
        readiness=HttpProbe(path="/health", period_s=5, failures=3),
        liveness=HttpProbe(path="/health", period_s=10, failures=6, timeout_s=5),
        cpu_cores=config.cpu_cores,
        memory_gib=config.memory_gib,
        gpus=config.gpus,
        scratch={
            HOME: Scratch(size_gib=CACHES_GIB),
            WEIGHTS: Scratch(size_gib=config.weights_gib),
            SHARED_MEMORY: Scratch(size_gib=SHARED_MEMORY_GIB, in_memory=True),
            "/tmp": Scratch(size_gib=1),  # noqa: S108 - a volume of the pod's own
        },
        placement=args.site.cluster.place_on_gpu_pool(config.pool),
        drain_s=10,
        grace_s=120,
    )


def _arguments(config: VllmConfig) -> tuple[str, ...]:
    return (
        config.model,
        f"--served-model-name={config.model}",
        f"--tensor-parallel-size={config.gpus}",
        f"--max-model-len={config.max_model_len}",
        "--host=0.0.0.0",
        f"--port={PORT}",
    )
