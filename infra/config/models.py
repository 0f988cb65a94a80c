"""What writes the answers."""

from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, model_validator

from infra.config.cidr import Cidr
from infra.config.secrets import SecretKey
from infra.config.section import FlipsTo, Section, refuse
from infra.config.tracing import DnsLabel

HTTPS_PORT = 443


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
    """GPUs of each replica, which is also its tensor parallelism."""
    cpu_cores: Annotated[float, Field(gt=0, le=128), FlipsTo(3.0)]
    """Requested for each replica."""
    memory_gib: Annotated[float, Field(gt=0, le=2048), FlipsTo(9.0)]
    """Main memory requested for each replica, and its limit."""
    max_model_len: Annotated[int, Field(ge=1024, le=1_048_576), FlipsTo(4096)]
    """Maximum tokens of a prompt and its answer together."""
    weights_gib: Annotated[int, Field(ge=1, le=2048), FlipsTo(44)]
    """Room on the node's disk for the downloaded weights."""
    start_timeout_s: Annotated[int, Field(ge=60, le=7200), FlipsTo(1230)]
    """How long a replica may take to download and load the weights before it is restarted."""
    max_answer_tokens: Annotated[int, Field(ge=16, le=32_768), FlipsTo(333)]
    """Maximum tokens of an answer."""
    api_key: SecretKey
    """The API key that the answer service sends to the model server."""
    hugging_face_token: Annotated[SecretKey, FlipsTo({"name": "hugging-face", "key": "token"})] | None = None
    """Needed for gated weights only."""


class Endpoint(Section):
    """An OpenAI-compatible server that is there already: a NIM, another cluster's vLLM, a vendor's API."""

    kind: Literal["endpoint"]
    url: Annotated[
        str,
        StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:[1-9][0-9]{0,4})?(/[^\s?#]*)?$"),
        FlipsTo("https://other.example/v1"),
    ]
    """Address before `/chat/completions`, which mostly ends with `/v1`."""
    model: Annotated[str, Field(min_length=1), FlipsTo("another-model")]
    """As its `GET /v1/models` names it."""
    max_answer_tokens: Annotated[int, Field(ge=16, le=32_768), FlipsTo(333)]
    """Maximum tokens of an answer."""
    api_key: SecretKey | None = None
    """The API key that the answer service sends to it, if it requires one."""
    namespace: Annotated[DnsLabel, FlipsTo("other")] | None = None
    """Where its pods run, if in this cluster: the answer service may open connections to the URL's port there, which
    must be the Service's and the pods' alike."""
    cidr: Annotated[Cidr, FlipsTo("10.9.0.0/16")] | None = None
    """Network of its addresses, if it is elsewhere. Without it and `namespace`, the answer service may open connections
    to any public address, since a network policy knows no names; HTTPS on port 443 only."""

    @property
    def port(self) -> int:
        """The port that the URL says, or that its scheme means."""
        parts = urlsplit(self.url)
        return parts.port or (HTTPS_PORT if parts.scheme == "https" else 80)

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.namespace and self.cidr:
            raise refuse(
                "the server runs in this cluster or elsewhere",
                key="cidr",
                value=self.cidr,
                allowed="one of namespace and cidr",
                remedy="leave one of them out",
            )
        is_public_https = self.url.startswith("https://") and self.port == HTTPS_PORT
        if not (is_public_https or self.namespace or self.cidr):
            raise refuse(
                "the network policy would not let the answer service reach it",
                key="url",
                value=self.url,
                allowed="https:// at port 443, or namespace or cidr beside it",
                remedy="add namespace if its pods run in this cluster, else the cidr of its addresses",
            )
        return self


Llm: TypeAlias = Annotated[Extractive | Vllm | Endpoint, Field(discriminator="kind")]


class Models(Section):
    """The model servers of a stack."""

    llm: Llm
    """What writes the answers."""
