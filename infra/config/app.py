"""The answer service."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from infra.config.identity import Oidc
from infra.config.limits import Limits
from infra.config.safety import Safety
from infra.config.secrets import SecretKey
from infra.config.section import FlipsTo, Section, refuse
from infra.config.tracing import Tracing

HostName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")]


class Image(Section):
    """A container image by digest, or by the exact version it was pushed as."""

    repository: Annotated[
        str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.:-]*(/[a-z0-9._-]+)+$"), FlipsTo("registry.example/other")
    ]
    """Registry and path, without a tag."""
    version: (
        Annotated[str, StringConstraints(pattern=r"^v?[0-9]+\.[0-9]+\.[0-9]+[A-Za-z0-9._-]*$"), FlipsTo("9.9.9")] | None
    ) = None
    """The exact version it was pushed as; registries should refuse to overwrite it."""
    digest: (
        Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$"), FlipsTo("sha256:" + "ab" * 32)] | None
    ) = None
    """Pins the same bytes on every node, whatever happens to a tag."""

    @model_validator(mode="after")
    def _pinned_once(self) -> Self:
        if (self.version is None) == (self.digest is None):
            raise refuse(
                "an image is pinned by one of `version` and `digest`",
                value="both" if self.digest else "neither",
                allowed="version: 1.2.3, or digest: sha256:<64 hex digits>",
                remedy="keep one of the two; `latest` and moving tags are refused",
            )
        return self

    @property
    def reference(self) -> str:
        """The image as a container names it."""
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.version}"


class App(Section):
    """The answer service's Deployment and the settings an operator may change."""

    image: Image
    """What `make image` built and you pushed."""
    replicas: Annotated[int, Field(ge=1, le=100), FlipsTo(4)]
    """Pods. Three survive the loss of a zone."""
    cpu_cores: Annotated[float, Field(gt=0, le=64), FlipsTo(3.0)]
    """Requested for each pod."""
    memory_gib: Annotated[float, Field(gt=0, le=256), FlipsTo(3.0)]
    """Requested for each pod, and its limit."""
    api_keys: SecretKey
    """Entries as `ragspan key` prints them."""
    session_secret: SecretKey
    """At least 32 random characters, which sign the page's sessions on every replica."""
    oidc: Annotated[Oidc | None, FlipsTo({"issuers": ["https://id.example"], "audience": "ragspan"})] = None
    """Issuers whose tokens open it too."""
    hosts: Annotated[tuple[HostName, ...], FlipsTo(("other.example",))] = ()
    """Host names that clients use, besides the Service's own."""
    top_k: Annotated[int, Field(ge=1, le=50), FlipsTo(7)] = 5
    """Passages that an answer is written from, if the request does not say how many."""
    passages_per_document: Annotated[int, Field(ge=1, le=50), FlipsTo(3)] = 50
    """Maximum passages from one document; a low number makes answers draw on several documents."""
    prompt_max_tokens: Annotated[int, Field(ge=1024, le=1_000_000), FlipsTo(7000)] = 6000
    """Maximum tokens of passages, then of the latest turns, in one prompt: less than the model's context."""
    max_query_chars: Annotated[int, Field(ge=100, le=100_000), FlipsTo(777)] = 4000
    """Longest question."""
    max_upload_mib: Annotated[int, Field(ge=1, le=1024), FlipsTo(7)] = 20
    """Largest document."""
    request_timeout_s: Annotated[float, Field(gt=0, le=600), FlipsTo(33.0)] = 20.0
    """Time limit for a whole answer."""
    retrieval_timeout_s: Annotated[float, Field(gt=0, le=60), FlipsTo(3.0)] = 5.0
    """Time limit for the embedding, and for the search."""
    rewrite_timeout_s: Annotated[float, Field(ge=0, le=60), FlipsTo(3.0)] = 2.0
    """Time limit for the model to make a follow-up question stand alone; 0: it is not asked."""
    stream_idle_timeout_s: Annotated[float, Field(gt=0, le=60), FlipsTo(3.0)] = 5.0
    """Longest silence between two pieces of a streamed answer."""
    max_active_queries: Annotated[int, Field(ge=1, le=10_000), FlipsTo(99)] = 64
    """Questions that one replica answers at once: what its share of the model server can take without slowing down."""
    max_waiting_queries: Annotated[int, Field(ge=0, le=10_000), FlipsTo(9)] = 16
    """Questions that wait up to 5 ms for their turn; further ones get 429 at once."""
    limits: Limits = Limits()
    """How much each tenant may use."""
    safety: Safety = Safety()
    """What an answer may disclose."""
    tracing: Annotated[Tracing | None, FlipsTo({"namespace": "observability", "service": "collector"})] = None
    """Where its traces go; if left out, nothing is traced."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], FlipsTo("debug")] = "info"
    """Lowest level that is logged."""
