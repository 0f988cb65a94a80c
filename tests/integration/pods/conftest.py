"""A production stack's rendered pods, run once for the tests that look at them."""

import secrets
from collections.abc import Generator

import pytest

from app.security.api_keys import key_entry, new_key
from tests.integration.pods.running import REPLICAS, SERVERS, Running, wait_until
from tests.support.pods.cluster import running_pods
from tests.support.pods.environment import Secrets
from tests.support.stacks import planned

STACK = "prod-gcp-europe-west4"
RUN_KINDS = {"StatefulSet", "Deployment", "Service"}
FORWARDED = {"rag-api": 80, **dict.fromkeys(SERVERS, 8000), **dict.fromkeys(sorted(REPLICAS), 8080)}


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    folder = tmp_path_factory.mktemp("pods")
    key = new_key()
    values: Secrets = {
        "weaviate": {"api-key": secrets.token_urlsafe()},
        "weaviate-cluster": {"username": "replicas", "password": secrets.token_urlsafe()},
        "valkey": {"password": secrets.token_urlsafe()},
        "llm": {"api-key": secrets.token_urlsafe()},
        "ragspan-api": {"keys": key_entry("test", "default", key)},
        "ragspan-sessions": {"secret": secrets.token_hex()},
    }
    manifests = [manifest.body for manifest in planned(STACK).manifests() if manifest.kind in RUN_KINDS]
    with running_pods(manifests, values, folder, FORWARDED) as cluster:
        cluster.wait_until_ready(sum(body["spec"].get("replicas", 0) for body in manifests))
        running = Running(cluster=cluster, secrets=values, key=key, folder=folder)
        # A server is ready before its index: one that started before Weaviate tries again every ten seconds.
        wait_until(lambda: not any(map(running.degraded, SERVERS)), timeout_s=60)
        yield running
