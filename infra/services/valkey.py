"""Valkey, shared by the answer service's replicas for cached answers and for counting limits.

It is a single server: a second one behind the same Service would be a separate cache, and its data may be lost at any
time. While it is down, answers are written anew and limits apply to each replica alone. Deliberately absent: a disk and
replication; a managed server has both (`kind: external`).
"""

from dataclasses import dataclass

import pulumi

from infra.config.cache import Valkey as ValkeyConfig
from infra.contracts import CacheEndpoint
from infra.services.network import Access
from infra.services.pods import PodSpec, TcpProbe
from infra.services.workload import Site, Workload, peer
from infra.versions import VERSIONS

NAME = "valkey"
PORT = 6379

DATA_SHARE = 0.75
"""Share of the memory limit; the rest is for client buffers and allocator overhead."""

START = """\
hash=$(printf %s "$VALKEY_PASSWORD" | sha256sum | cut -c1-64)
exec valkey-server - <<END
bind * -::*
port $PORT
save ""
appendonly no
maxmemory $MAX_MEMORY
maxmemory-policy allkeys-lru
timeout 300
user default on #$hash ~* &* +@all -@admin -@dangerous +info
END
"""
"""The configuration is read from standard input: nothing is written to a disk, and it contains only a hash of the
password.

https://valkey.io/topics/valkey.conf/ and https://valkey.io/topics/acl/. The least recently used entries make room for
new ones; clients can neither flush nor reconfigure the server."""


@dataclass(frozen=True, kw_only=True)
class ValkeyArgs:
    """Where the cache runs, and its size."""

    site: Site
    config: ValkeyConfig


class Valkey(pulumi.ComponentResource):
    """One in-memory server that requires a password."""

    endpoint: CacheEndpoint

    def __init__(self, name: str, args: ValkeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:services:Valkey", name, None, opts)
        site = args.site
        clients = peer(NAME, site, PORT)
        workload = Workload(
            name, parent=self, site=site, spec=_pod(args), access=Access(accepts=clients, metrics_port=None)
        )
        # The old server must stop before the new one starts: otherwise each would hold part of the counts.
        workload.create_deployment(replicas=1, max_surge=0, max_unavailable=1)
        workload.create_service({"valkey": PORT})
        self.endpoint = CacheEndpoint(
            url=pulumi.Output.format("redis://{0}:{1}", site.address(NAME), PORT),
            password=args.config.password,
            timeout_s=args.config.timeout_s,
            server=clients,
        )
        self.register_outputs({"url": self.endpoint.url})


def _pod(args: ValkeyArgs) -> PodSpec:
    config = args.config
    return PodSpec(
        name=NAME,
        component="cache",
        image=VERSIONS.valkey_image,
        command=("sh", "-c", START),
        env={"PORT": str(PORT), "MAX_MEMORY": f"{round(config.memory_gib * 1024 * DATA_SHARE)}mb"},
        secret_env={"VALKEY_PASSWORD": config.password},
        ports={"valkey": PORT},
        probe_port="valkey",
        startup=TcpProbe(period_s=2, failures=30),
        readiness=TcpProbe(period_s=5, failures=3),
        liveness=TcpProbe(period_s=10, failures=6),
        cpu_cores=config.cpu_cores,
        memory_gib=config.memory_gib,
        scratch={},
        placement=args.site.cluster.place_on_system_pool(),
        grace_s=10,
    )
