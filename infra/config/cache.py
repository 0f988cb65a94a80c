"""Where answers given before are kept, and what the replicas count together for their limits."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from infra.config.cidr import Cidr
from infra.config.secrets import SecretKey
from infra.config.section import FlipsTo, Section


class NoCache(Section):
    """Every question is answered anew, and every replica counts for itself."""

    kind: Literal["none"]


class _Answers(Section):
    """What every cache of answers has."""

    ttl_s: Annotated[int, Field(ge=1, le=30 * 24 * 3600), FlipsTo(777)] = 24 * 3600
    """How long an answer is kept, unless the tenant's documents change before."""
    min_similarity: Annotated[float, Field(gt=0, le=1), FlipsTo(0.85)] | None = None
    """Cosine similarity at which a question may get the answer to one worded differently; if left out, never."""


class InMemory(_Answers):
    """Each replica keeps answers of its own, and counts for itself."""

    kind: Literal["memory"]
    size_mib: Annotated[int, Field(ge=1, le=65_536), FlipsTo(77)] = 32
    """Maximum memory for them in each replica."""


class _Shared(_Answers):
    """What every server of its own has."""

    timeout_s: Annotated[float, Field(ge=0.001, le=1), FlipsTo(0.02)] = 0.008
    """Time limit for one call of it; a question that exceeds it is answered as if nothing were kept."""
    password: SecretKey
    """The password that the answer service sends to it."""


class Valkey(_Shared):
    """A Valkey of our own that all replicas share; what it holds is lost when it restarts, and nothing else is."""

    kind: Literal["valkey"]
    cpu_cores: Annotated[float, Field(gt=0, le=64), FlipsTo(0.75)]
    """Requested for its pod."""
    memory_gib: Annotated[float, Field(ge=0.25, le=256), FlipsTo(3.0)]
    """Requested for its pod, and its limit; answers take up to three quarters of it."""


class External(_Shared):
    """A managed Valkey or Redis, in one node group: Memorystore, ElastiCache."""

    kind: Literal["external"]
    host: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"), FlipsTo("other.example")]
    """Name or address of its primary endpoint."""
    port: Annotated[int, Field(ge=1, le=65535), FlipsTo(6380)] = 6379
    """Its port."""
    cidr: Annotated[Cidr, FlipsTo("10.9.0.0/16")]
    """The network of its addresses: the answer service may open connections to nothing else there."""
    tls: bool = True
    """Connections are encrypted, and the server's certificate is checked."""
    username: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,120}$"), FlipsTo("other")] | None = None
    """The user to whom the password belongs, if the server has users."""


Cache: TypeAlias = Annotated[NoCache | InMemory | Valkey | External, Field(discriminator="kind")]
