"""Who writes the answers."""

from typing import Annotated, Literal

from pydantic import Field

from infra.config.secrets import SecretKey
from infra.config.section import FlipsTo, Section


class Extractive(Section):
    """No model server: the answer service quotes the passages it found."""

    kind: Literal["extractive"]


class Vllm(Section):
    """An OpenAI-compatible vLLM server on a GPU pool."""

    kind: Literal["vllm"]
    model: Annotated[str, Field(min_length=1), FlipsTo("Qwen/Qwen3-1.7B")]
    """Hugging Face repository of the weights."""
    pool: Annotated[str, FlipsTo("another-pool")]
    """Name of the GPU pool it runs on."""
    replicas: Annotated[int, Field(ge=1, le=64), FlipsTo(3)]
    """Servers, each with GPUs of its own."""
    gpus: Annotated[int, Field(ge=1, le=8), FlipsTo(2)]
    """GPUs a replica takes, which is also its tensor parallelism."""
    cpu_cores: Annotated[float, Field(gt=0, le=128), FlipsTo(3.0)]
    """Requested for each replica."""
    memory_gib: Annotated[float, Field(gt=0, le=2048), FlipsTo(9.0)]
    """Main memory requested for each replica, and its limit."""
    max_model_len: Annotated[int, Field(ge=1024, le=1_048_576), FlipsTo(4096)]
    """Tokens of prompt and answer together."""
    weights_gib: Annotated[int, Field(ge=1, le=2048), FlipsTo(44)]
    """Room on the node's disk for the downloaded weights."""
    start_timeout_s: Annotated[int, Field(ge=60, le=7200), FlipsTo(1230)]
    """How long a replica may take to download and load the weights before it is restarted."""
    max_answer_tokens: Annotated[int, Field(ge=16, le=32_768), FlipsTo(333)]
    """Longest answer."""
    api_key: SecretKey
    """What the answer service shows the model server."""
    hugging_face_token: Annotated[SecretKey, FlipsTo({"name": "hugging-face", "key": "token"})] | None = None
    """Needed for gated weights only."""


Llm = Annotated[Extractive | Vllm, Field(discriminator="kind")]


class Models(Section):
    """The model servers of a stack."""

    llm: Llm
    """Who writes the answers."""
