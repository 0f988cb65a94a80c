"""The Protocols and values through which clusters, add-ons and services meet; `region.py` joins them.

A second cluster, vector store or model server satisfies what stands here and nothing else changes.
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
    """What the pod tells whoever adds and removes nodes there."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who a pod is to the cloud: its Kubernetes service account, without a key and without an account of the cloud."""

    namespace: str
    service_account: str


@dataclass(frozen=True, kw_only=True)
class Peer:
    """How to be let in by a service's NetworkPolicy: its pods, their ports, and the labels its clients wear."""

    pod_labels: Mapping[str, str]
    ports: tuple[int, ...]
    client_labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class WeaviateEndpoint:
    """A running Weaviate as its clients see it."""

    http_url: pulumi.Input[str]
    grpc_host: pulumi.Input[str]
    grpc_port: int
    replication_factor: int
    api_key: SecretKey
    peer: Peer


@dataclass(frozen=True, kw_only=True)
class LlmEndpoint:
    """An OpenAI-compatible chat server as its clients see it. `base_url` ends in `/v1`."""

    base_url: pulumi.Input[str]
    model: str
    max_answer_tokens: int
    api_key: SecretKey
    peer: Peer


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A server outside the cluster's namespaces that pods may call: where its addresses are, and its port."""

    cidr: str
    port: int


@dataclass(frozen=True, kw_only=True)
class InNamespace:
    """Servers of another namespace that pods may call: the namespace's name, and the port of its pods."""

    namespace: str
    port: int


Callee: TypeAlias = Peer | Outside | InNamespace


@dataclass(frozen=True, kw_only=True)
class CacheEndpoint:
    """A Valkey or Redis as its clients see it. `url` starts with `redis://`, or with `rediss://` for TLS."""

    url: pulumi.Input[str]
    password: SecretKey
    username: str | None = None
    timeout_s: float
    """How long a call of it may take."""
    server: Callee


class Bucket(Protocol):
    """A bucket of the cloud. Each grant lets one identity do one thing, in this bucket alone."""

    @property
    def name(self) -> pulumi.Output[str]: ...

    def grant_read(self, name: str, identity: Identity) -> pulumi.Resource:
        """Let the identity list and read objects; `name` tells the grant from others of this bucket."""
        ...

    def grant_write(self, name: str, identity: Identity) -> pulumi.Resource:
        """Let the identity list, read, write and delete objects."""
        ...


class KubernetesCluster(Protocol):
    """A cluster that services can be put on."""

    @property
    def provider(self) -> k8s.Provider:
        """Reaches the cluster's API server; every Kubernetes resource names it explicitly."""
        ...

    @property
    def storage_class(self) -> pulumi.Input[str]:
        """The class of fast, retained, zone-aware volumes for stateful services."""
        ...

    @property
    def ready(self) -> Sequence[pulumi.Resource]:
        """What must exist before a workload can be scheduled: node pools, storage drivers, network policy."""
        ...

    def place_on_system_pool(self) -> Placement: ...

    def place_on_gpu_pool(self, pool: str) -> Placement:
        """Placement on the GPU pool of this name; the stack config has checked that it exists."""
        ...
