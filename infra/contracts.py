"""The Protocols and values through which clusters, add-ons and services are connected; `region.py` joins them.

A second cluster, vector store or model server implements what is declared here, and nothing else changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import pulumi
import pulumi_kubernetes as k8s

from infra.config.secrets import SecretKey


@dataclass(frozen=True, kw_only=True)
class Toleration:
    """A taint that a pod accepts."""

    key: str
    value: str
    effect: str = "NoSchedule"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Which nodes a pod may use."""

    node_selector: Mapping[str, str] = field(default_factory=dict[str, str])
    tolerations: tuple[Toleration, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    """Annotations of the pod for whatever adds and removes nodes there."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A pod's identity to the cloud: its Kubernetes service account, without a key or an account of the cloud."""

    namespace: str
    service_account: str


@dataclass(frozen=True, kw_only=True)
class Peer:
    """How to connect to a service through its NetworkPolicy: its pods, their ports, and the labels of its clients."""

    pod_labels: Mapping[str, str]
    ports: tuple[int, ...]
    client_labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class WeaviateEndpoint:
    """A running Weaviate, as its clients see it."""

    http_url: pulumi.Input[str]
    grpc_host: pulumi.Input[str]
    grpc_port: int
    replication_factor: int
    api_key: SecretKey
    peer: Peer


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A server outside the cluster that pods may call: its network, and its port."""

    cidr: str
    port: int


@dataclass(frozen=True, kw_only=True)
class InNamespace:
    """Servers in another namespace that pods may call: the namespace's name, and the port of its pods."""

    namespace: str
    port: int


Callee: TypeAlias = Peer | Outside | InNamespace


@dataclass(frozen=True, kw_only=True)
class LlmEndpoint:
    """An OpenAI-compatible chat server as its clients see it. `base_url` ends in `/v1`."""

    base_url: pulumi.Input[str]
    model: str
    max_answer_tokens: int
    api_key: SecretKey | None
    server: Callee | None
    """None if it is at a public address that no network policy can name."""


@dataclass(frozen=True, kw_only=True)
class CacheEndpoint:
    """A Valkey or Redis as its clients see it. `url` starts with `redis://`, or with `rediss://` for TLS."""

    url: pulumi.Input[str]
    password: SecretKey
    username: str | None = None
    timeout_s: float
    """How long one call may take."""
    server: Callee


class Bucket(Protocol):
    """A bucket in the cloud. Each grant allows one identity one thing, in this bucket only."""

    @property
    def name(self) -> pulumi.Output[str]: ...

    def grant_read(self, name: str, identity: Identity) -> pulumi.Resource:
        """Let the identity list and read objects; `name` distinguishes the grant from others of this bucket."""
        ...

    def grant_write(self, name: str, identity: Identity) -> pulumi.Resource:
        """Let the identity list, read, write and delete objects."""
        ...


class KubernetesCluster(Protocol):
    """A cluster that services can run on."""

    @property
    def provider(self) -> k8s.Provider:
        """The provider for the cluster's API server; every Kubernetes resource names it explicitly."""
        ...

    @property
    def storage_class(self) -> pulumi.Input[str]:
        """The storage class for stateful services: fast, retained, zone-aware volumes."""
        ...

    @property
    def ready(self) -> Sequence[pulumi.Resource]:
        """What must exist before a workload can be scheduled: node pools, storage drivers, network policy."""
        ...

    def place_on_system_pool(self) -> Placement: ...

    def place_on_gpu_pool(self, pool: str) -> Placement:
        """Return the placement on the GPU pool of this name, which the stack config has checked."""
        ...
