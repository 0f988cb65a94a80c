"""The answer service knows its neighbours, keeps answering through updates, and reaches nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from infra.config.app import App
from tests.infra.services.samples import (
    APP,
    VALKEY,
    changed,
    controller,
    environment,
    manifest,
    pod,
    rag_api,
    secret_environment,
)


def test_it_is_told_where_its_neighbours_are() -> None:
    env = environment(rag_api(), "rag-api")
    assert env["RAGSPAN_WEAVIATE_URL"] == "http://weaviate.ragspan.svc:8080"
    assert (env["RAGSPAN_WEAVIATE_GRPC_HOST"], env["RAGSPAN_WEAVIATE_GRPC_PORT"]) == ("weaviate.ragspan.svc", "50051")
    assert env["RAGSPAN_GENERATOR_URL"] == "http://llm.ragspan.svc:8000/v1"
    assert env["RAGSPAN_GENERATOR_MODEL"] == "Qwen/Qwen3-8B"


def test_without_a_model_server_it_quotes() -> None:
    env = environment(rag_api(with_llm=False), "rag-api")
    assert env["RAGSPAN_GENERATOR"] == "extractive"
    assert not [name for name in env if name.startswith("RAGSPAN_GENERATOR_")]
    assert "RAGSPAN_GENERATOR_API_KEY" not in secret_environment(rag_api(with_llm=False), "rag-api")


def test_it_shows_its_neighbours_the_keys_they_were_given() -> None:
    stack = rag_api()
    keys = secret_environment(stack, "rag-api")
    assert (
        keys["RAGSPAN_WEAVIATE_API_KEY"] == secret_environment(stack, "weaviate")["AUTHENTICATION_APIKEY_ALLOWED_KEYS"]
    )
    assert keys["RAGSPAN_GENERATOR_API_KEY"] == secret_environment(stack, "llm")["VLLM_API_KEY"]
    assert keys["RAGSPAN_API_KEYS"] == ("rag-api-keys", "key")
    assert keys["RAGSPAN_SESSION_SECRET"] == ("rag-sessions", "key")


def test_it_shares_answers_through_the_server_that_there_is() -> None:
    stack = rag_api(cache=VALKEY)
    env = environment(stack, "rag-api")
    assert (env["RAGSPAN_CACHE"], env["RAGSPAN_REDIS_URL"]) == ("redis", "redis://valkey.ragspan.svc:6379")
    assert secret_environment(stack, "rag-api")["RAGSPAN_REDIS_PASSWORD"] == ("valkey", "key")
    labels = controller(stack, "rag-api")["spec"]["template"]["metadata"]["labels"]
    assert labels["ragspan.dev/client-of-valkey"] == "true"
    assert environment(rag_api(), "rag-api")["RAGSPAN_CACHE"] == "none"


def test_its_traces_go_to_the_collector_and_to_nothing_else_there() -> None:
    stack = rag_api(changed(APP, tracing={"namespace": "observability", "service": "otel", "sample_ratio": 0.25}))
    env = environment(stack, "rag-api")
    assert env["RAGSPAN_OTLP_ENDPOINT"] == "http://otel.observability.svc:4318"
    assert env["RAGSPAN_TRACE_SAMPLE_RATIO"] == "0.25"
    *_, rule = manifest(stack, "NetworkPolicy", "rag-api")["spec"]["egress"]
    assert rule == {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}}],
        "ports": [{"port": 4318, "protocol": "TCP"}],
    }
    assert "RAGSPAN_OTLP_ENDPOINT" not in environment(rag_api(), "rag-api")


def test_the_labels_by_which_it_lets_pods_in_are_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to-let-others-reach-a-stack.md").read_text()
    rules = manifest(rag_api(), "NetworkPolicy", "rag-api")["spec"]["ingress"]
    selectors = [rule["from"][0]["podSelector"]["matchLabels"] for rule in rules]
    assert selectors == [{label: "true"} for label in re.findall(r"^\| `(ragspan\.dev/.+?)` \|", page, re.MULTILINE)]


def test_it_answers_to_its_own_names_and_those_of_the_operator() -> None:
    hosts = environment(rag_api(), "rag-api")["RAGSPAN_ALLOWED_HOSTS"].split(",")
    assert hosts[:4] == ["rag-api", "rag-api.ragspan", "rag-api.ragspan.svc", "rag-api.ragspan.svc.cluster.local"]
    assert hosts[4:] == ["localhost", "127.0.0.1", "rag.example"]


def test_the_image_is_the_one_of_the_stack_file() -> None:
    digest = "sha256:" + "0f" * 32
    pinned = changed(APP, image={"repository": "registry.example/ragspan", "digest": digest})
    assert pod(rag_api(), "rag-api")["containers"][0]["image"] == "registry.example/ragspan:1.2.3"
    assert pod(rag_api(pinned), "rag-api")["containers"][0]["image"] == f"registry.example/ragspan@{digest}"


def test_an_update_takes_no_replica_away_before_its_successor_is_ready() -> None:
    rolling = controller(rag_api(), "rag-api")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_replica_that_must_go_finishes_its_answers() -> None:
    spec = pod(rag_api(changed(APP, request_timeout_s=60.0)), "rag-api")
    drain_s = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] > drain_s + 60


def test_uploads_have_room() -> None:
    (volume,) = pod(rag_api(changed(APP, max_upload_mib=512)), "rag-api")["volumes"]
    assert volume == {"name": "tmp", "emptyDir": {"sizeLimit": "4Gi"}}


def test_it_wears_the_labels_that_let_it_in() -> None:
    stack = rag_api()
    labels = controller(stack, "rag-api")["spec"]["template"]["metadata"]["labels"]
    for name in ("weaviate", "llm"):
        client = manifest(stack, "NetworkPolicy", name)["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
        assert client.items() <= labels.items()


def test_it_calls_its_neighbours_and_nothing_else() -> None:
    stack = rag_api()
    called = manifest(stack, "NetworkPolicy", "rag-api")["spec"]["egress"]
    pods = [rule["to"][0]["podSelector"]["matchLabels"] for rule in called]
    assert [selector["app.kubernetes.io/name"] for selector in pods] == ["weaviate", "llm"]
    assert [[port["port"] for port in rule["ports"]] for rule in called] == [[8080, 50051], [8000]]


OIDC = {"issuers": ("https://idp.example/",), "audience": "ragspan"}


def egress(config: App) -> Any:
    return manifest(rag_api(config), "NetworkPolicy", "rag-api")["spec"]["egress"]


def test_it_may_fetch_an_issuers_keys_from_public_addresses() -> None:
    (internet,) = egress(changed(APP, oidc=OIDC))[2:]
    assert internet["to"][0]["ipBlock"]["cidr"] == "0.0.0.0/0"
    assert "10.0.0.0/8" in internet["to"][0]["ipBlock"]["except"]
    assert [port["port"] for port in internet["ports"]] == [443]


def test_of_an_issuer_in_a_known_network_it_reaches_that_network_alone() -> None:
    own = {**OIDC, "issuers": ("https://keycloak.example:8443/realms/ragspan",), "cidr": "10.8.0.0/16"}
    (network,) = egress(changed(APP, oidc=own))[2:]
    assert network["to"] == [{"ipBlock": {"cidr": "10.8.0.0/16"}}]
    assert [port["port"] for port in network["ports"]] == [8443]


def test_the_page_is_a_client_of_the_issuer_with_its_secret_by_name() -> None:
    client = {"client_id": "page", "client_secret": {"name": "oidc", "key": "client-secret"}}
    stack = rag_api(changed(APP, oidc={**OIDC, **client}))
    assert environment(stack, "rag-api")["RAGSPAN_OIDC_CLIENT_ID"] == "page"
    assert secret_environment(stack, "rag-api")["RAGSPAN_OIDC_CLIENT_SECRET"] == ("oidc", "client-secret")
    with pytest.raises(ValidationError, match="add client_id"):
        changed(APP, oidc={**OIDC, "client_secret": client["client_secret"]})


def test_an_issuer_that_pods_could_not_reach_is_refused() -> None:
    with pytest.raises(ValidationError, match="add the cidr of the issuers' network"):
        changed(APP, oidc={**OIDC, "issuers": ("https://keycloak.example:8443/",)})
    several = ("https://a.example/", "https://b.example/")
    with pytest.raises(ValidationError, match="cannot serve several issuers"):
        changed(APP, oidc={**OIDC, "issuers": several, "jwks_url": "https://a.example/keys"})
