"""The answer service, and its half of the contract with the app: the environment that `app/settings/` reads."""

from dataclasses import dataclass
from math import ceil

import pulumi

from infra.config.app import App as AppConfig
from infra.config.cache import Cache, InMemory, NoCache
from infra.config.identity import Oidc
from infra.config.limits import Limits
from infra.config.safety import Safety
from infra.config.secrets import SecretKey
from infra.config.tracing import Tracing
from infra.contracts import CacheEndpoint, InNamespace, LlmEndpoint, Outside, WeaviateEndpoint
from infra.services.network import Access
from infra.services.pods import HttpProbe, PodSpec, Scratch
from infra.services.workload import Site, Workload, peer

NAME = "rag-api"
PORT = 8000
SERVICE_PORT = 80

UPLOADS_AT_ONCE = 8
"""How many uploads of the largest allowed size fit into a replica's temporary folder."""

DRAIN_S = 10
STOP_S = 15
"""Time to close its clients after the last answer."""


@dataclass(frozen=True, kw_only=True)
class RagApiArgs:
    """`llm` is None if the service quotes passages instead of asking a model.

    `cache_server` is None if each replica caches answers for itself, or none does.
    """

    site: Site
    config: AppConfig
    vector_store: WeaviateEndpoint
    llm: LlmEndpoint | None
    cache: Cache
    cache_server: CacheEndpoint | None


class RagApi(pulumi.ComponentResource):
    """Replicas of the answer service behind a Service; an update removes none before its successor is ready."""

    address: pulumi.Output[str]
    """Base URL inside the cluster."""

    def __init__(self, name: str, args: RagApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:services:RagApi", name, None, opts)
        site, oidc, llm = args.site, args.config.oidc, args.llm
        workload = Workload(
            name,
            parent=self,
            site=site,
            spec=_pod(args),
            access=Access(
                accepts=peer(NAME, site, PORT),
                from_any_namespace=True,
                metrics_port=PORT,
                internet=bool((oidc and oidc.cidr is None) or (llm and llm.server is None)),
            ),
        )
        workload.create_deployment(replicas=args.config.replicas, max_surge=1, max_unavailable=0)
        workload.create_service({"http": SERVICE_PORT})
        self.address = pulumi.Output.concat("http://", site.address(NAME))
        self.register_outputs({"address": self.address})


def _pod(args: RagApiArgs) -> PodSpec:
    config = args.config
    callees = [
        args.vector_store.peer,
        *([args.llm.server] if args.llm and args.llm.server else []),
        *([args.cache_server.server] if args.cache_server else []),
        *([InNamespace(namespace=tracing.namespace, port=tracing.port)] if (tracing := config.tracing) else []),
        *_issuers(config.oidc),
    ]
    return PodSpec(
        name=NAME,
        component="answer-service",
        image=config.image.reference,
        env=_environment(args),
        secret_env=_secrets(args),
        ports={"http": PORT},
        startup=HttpProbe(path="/healthz", period_s=2, failures=60),
        readiness=HttpProbe(path="/readyz", period_s=5, failures=3),
        liveness=HttpProbe(path="/healthz", period_s=10, failures=6),
        cpu_cores=config.cpu_cores,
        memory_gib=config.memory_gib,
        scratch={"/tmp": Scratch(size_gib=ceil(UPLOADS_AT_ONCE * config.max_upload_mib / 1024))},  # noqa: S108
        placement=args.site.cluster.place_on_system_pool(),
        calls=callees,
        drain_s=DRAIN_S,
        grace_s=DRAIN_S + ceil(config.request_timeout_s) + STOP_S,
    )


def _environment(args: RagApiArgs) -> dict[str, pulumi.Input[str]]:
    config, store = args.config, args.vector_store
    return {
        "RAGSPAN_HOST": "0.0.0.0",  # noqa: S104 - a pod's own address
        "RAGSPAN_PORT": str(PORT),
        "RAGSPAN_ALLOWED_HOSTS": _allowed_hosts(args),
        "RAGSPAN_LOG_LEVEL": config.log_level,
        **_oidc(config.oidc),
        "RAGSPAN_VECTOR_STORE": "weaviate",
        "RAGSPAN_WEAVIATE_URL": store.http_url,
        "RAGSPAN_WEAVIATE_GRPC_HOST": store.grpc_host,
        "RAGSPAN_WEAVIATE_GRPC_PORT": str(store.grpc_port),
        "RAGSPAN_WEAVIATE_REPLICATION_FACTOR": str(store.replication_factor),
        "RAGSPAN_EMBEDDER": "embedded",
        **_generator(args.llm),
        **_cache(args.cache, args.cache_server),
        "RAGSPAN_TOP_K": str(config.top_k),
        "RAGSPAN_PASSAGES_PER_DOCUMENT": str(config.passages_per_document),
        "RAGSPAN_PROMPT_MAX_TOKENS": str(config.prompt_max_tokens),
        "RAGSPAN_MAX_QUERY_CHARS": str(config.max_query_chars),
        "RAGSPAN_MAX_UPLOAD_BYTES": str(config.max_upload_mib * 2**20),
        "RAGSPAN_MAX_ACTIVE_QUERIES": str(config.max_active_queries),
        "RAGSPAN_MAX_WAITING_QUERIES": str(config.max_waiting_queries),
        "RAGSPAN_REQUEST_TIMEOUT_S": str(config.request_timeout_s),
        "RAGSPAN_RETRIEVAL_TIMEOUT_S": str(config.retrieval_timeout_s),
        "RAGSPAN_REWRITE_TIMEOUT_S": str(config.rewrite_timeout_s),
        "RAGSPAN_STREAM_IDLE_TIMEOUT_S": str(config.stream_idle_timeout_s),
        **_limits(config.limits),
        **_safety(config.safety),
        **(_tracing(config.tracing) if config.tracing else {}),
    }


def _tracing(tracing: Tracing) -> dict[str, pulumi.Input[str]]:
    return {
        "RAGSPAN_OTLP_ENDPOINT": f"http://{tracing.service}.{tracing.namespace}.svc:{tracing.port}",
        "RAGSPAN_TRACE_SAMPLE_RATIO": str(tracing.sample_ratio),
    }


def _issuers(oidc: Oidc | None) -> list[Outside]:
    """Return the issuers' network if it is known; otherwise the pods may reach any public address."""
    return [Outside(cidr=oidc.cidr, port=port) for port in oidc.ports] if oidc and oidc.cidr else []


def _oidc(oidc: Oidc | None) -> dict[str, pulumi.Input[str]]:
    if oidc is None:
        return {}
    optional = {
        "RAGSPAN_OIDC_JWKS_URL": oidc.jwks_url,
        "RAGSPAN_OIDC_GROUPS_CLAIM": oidc.groups_claim,
        "RAGSPAN_OIDC_CLIENT_ID": oidc.client_id,
    }
    return {
        "RAGSPAN_OIDC_ISSUERS": ",".join(oidc.issuers),
        "RAGSPAN_OIDC_AUDIENCE": oidc.audience,
        "RAGSPAN_OIDC_ALGORITHMS": ",".join(oidc.algorithms),
        "RAGSPAN_OIDC_TENANT_CLAIM": oidc.tenant_claim,
        "RAGSPAN_OIDC_SCOPES_CLAIM": oidc.scopes_claim,
        **{name: value for name, value in optional.items() if value},
    }


def _limits(limits: Limits) -> dict[str, pulumi.Input[str]]:
    environment: dict[str, pulumi.Input[str]] = {
        "RAGSPAN_TENANT_REQUESTS_PER_MINUTE": str(limits.requests_per_minute),
        "RAGSPAN_TENANT_TOKENS_PER_MINUTE": str(limits.tokens_per_minute),
        "RAGSPAN_TENANT_CONCURRENT_QUESTIONS": str(limits.concurrent_questions),
        "RAGSPAN_MAX_REFUSALS_PER_MINUTE": str(limits.refusals_per_minute),
    }
    if limits.quotas:
        environment["RAGSPAN_TENANT_QUOTAS"] = ",".join(limits.quotas)
    return environment


def _safety(safety: Safety) -> dict[str, pulumi.Input[str]]:
    return {
        "RAGSPAN_LINK_HOSTS": ",".join(safety.link_hosts),
        "RAGSPAN_REDACT": ",".join(safety.redact) or "none",
        "RAGSPAN_QUALITY_MODE": safety.quality_mode,
        "RAGSPAN_QUALITY_MIN_SUPPORT": str(safety.quality_min_support),
        "RAGSPAN_QUALITY_MIN_GROUNDED": str(safety.quality_min_grounded),
    }


def _generator(llm: LlmEndpoint | None) -> dict[str, pulumi.Input[str]]:
    if llm is None:
        return {"RAGSPAN_GENERATOR": "extractive"}
    return {
        "RAGSPAN_GENERATOR": "openai",
        "RAGSPAN_GENERATOR_URL": llm.base_url,
        "RAGSPAN_GENERATOR_MODEL": llm.model,
        "RAGSPAN_GENERATOR_MAX_TOKENS": str(llm.max_answer_tokens),
    }


def _cache(cache: Cache, server: CacheEndpoint | None) -> dict[str, pulumi.Input[str]]:
    environment: dict[str, pulumi.Input[str]] = {"RAGSPAN_CACHE": "redis" if server else cache.kind}
    if not isinstance(cache, NoCache):
        environment["RAGSPAN_CACHE_TTL_S"] = str(cache.ttl_s)
        if cache.min_similarity is not None:
            environment["RAGSPAN_CACHE_MIN_SIMILARITY"] = str(cache.min_similarity)
    if isinstance(cache, InMemory):
        environment["RAGSPAN_CACHE_MEMORY_MIB"] = str(cache.size_mib)
    if server:
        environment["RAGSPAN_REDIS_URL"] = server.url
        environment["RAGSPAN_CACHE_TIMEOUT_S"] = str(server.timeout_s)
        if server.username:
            environment["RAGSPAN_REDIS_USERNAME"] = server.username
    return environment


def _secrets(args: RagApiArgs) -> dict[str, SecretKey]:
    secrets = {
        "RAGSPAN_API_KEYS": args.config.api_keys,
        "RAGSPAN_SESSION_SECRET": args.config.session_secret,
        "RAGSPAN_WEAVIATE_API_KEY": args.vector_store.api_key,
    }
    if args.config.oidc and args.config.oidc.client_secret:
        secrets["RAGSPAN_OIDC_CLIENT_SECRET"] = args.config.oidc.client_secret
    if args.llm and args.llm.api_key:
        secrets["RAGSPAN_GENERATOR_API_KEY"] = args.llm.api_key
    if args.cache_server:
        secrets["RAGSPAN_REDIS_PASSWORD"] = args.cache_server.password
    return secrets


def _allowed_hosts(args: RagApiArgs) -> pulumi.Output[str]:
    """Return the Service's names in the cluster, loopback for `kubectl port-forward`, and the operator's host names."""
    service = args.site.address(NAME)
    in_namespace = pulumi.Output.concat(NAME, ".", args.site.namespace)
    names = [NAME, in_namespace, service, pulumi.Output.concat(service, ".cluster.local")]
    return pulumi.Output.all(*names, "localhost", "127.0.0.1", *args.config.hosts).apply(",".join)
