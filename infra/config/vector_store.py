"""The vector store that holds the index. One variant today; a further one is a further member of the union."""

from typing import Annotated, Literal

from pydantic import Field

from infra.config.secrets import BasicAuth, SecretKey
from infra.config.section import FlipsTo, Section


class Weaviate(Section):
    """A Weaviate cluster of our own: 3 or 5 replicas keep RAFT and every object through the loss of one node."""

    kind: Literal["weaviate"]
    replicas: Annotated[Literal[1, 3, 5], FlipsTo(5)]
    """A single one is for local and dev only: its node's loss would be the index's."""
    cpu_cores: Annotated[float, Field(gt=0, le=128), FlipsTo(3.0)]
    """Requested for each replica."""
    memory_gib: Annotated[float, Field(gt=0, le=1024), FlipsTo(7.0)]
    """Requested for each replica, and its limit; it holds the vectors and their graph."""
    storage_gib: Annotated[int, Field(ge=1, le=16_384), FlipsTo(77)]
    """Volume of each replica. A StatefulSet cannot change it later: leave room."""
    api_key: SecretKey
    """The API key that clients send."""
    cluster_auth: BasicAuth
    """The secret by which replicas know one another."""
    protect: bool
    """Refuse to delete or replace the StatefulSet until this is set to false and applied."""
