"""Weaviate keeps its index through the loss of a node or zone, and lets nobody in who shows no key."""

import pytest

from infra.services.weaviate import USER
from tests.infra.services.samples import (
    WEAVIATE,
    changed,
    controller,
    environment,
    manifest,
    pod,
    secret_environment,
    weaviate,
)


def test_weaviate_refuses_strangers_and_unplanned_collections() -> None:
    env = environment(weaviate(), "weaviate")
    assert env["AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED"] == "false"
    assert env["AUTOSCHEMA_ENABLED"] == "false"
    assert env["AUTHORIZATION_RBAC_ENABLED"] == "true"
    assert env["AUTHORIZATION_RBAC_ROOT_USERS"] == env["AUTHENTICATION_APIKEY_USERS"] == USER


def test_keys_come_from_existing_secrets() -> None:
    assert secret_environment(weaviate(), "weaviate") == {
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": ("weaviate-api-key", "key"),
        "CLUSTER_BASIC_AUTH_USERNAME": ("weaviate-cluster", "username"),
        "CLUSTER_BASIC_AUTH_PASSWORD": ("weaviate-cluster", "password"),
    }


def test_replicas_find_one_another_before_any_is_ready() -> None:
    stack = weaviate()
    headless = manifest(stack, "Service", "weaviate-headless")["spec"]
    assert headless["clusterIP"] == "None"
    assert headless["publishNotReadyAddresses"] is True
    spec = controller(stack, "weaviate")["spec"]
    assert (spec["podManagementPolicy"], spec["serviceName"]) == ("Parallel", "weaviate-headless")
    assert environment(stack, "weaviate")["CLUSTER_JOIN"] == "weaviate-headless.ragspan.svc:7000"
    hostname = next(e for e in pod(stack, "weaviate")["containers"][0]["env"] if e["name"] == "CLUSTER_HOSTNAME")
    assert hostname["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


@pytest.mark.parametrize(("replicas", "voters", "copies"), [(1, 1, 1), (3, 3, 3), (5, 3, 3)])
def test_the_quorum_and_the_copies_follow_the_replicas(replicas: int, voters: int, copies: int) -> None:
    env = environment(weaviate(changed(WEAVIATE, replicas=replicas)), "weaviate")
    assert env["RAFT_JOIN"] == ",".join(f"weaviate-{n}" for n in range(voters))
    assert env["RAFT_BOOTSTRAP_EXPECT"] == str(voters)
    assert env["REPLICATION_MINIMUM_FACTOR"] == str(copies)


def test_growing_from_three_to_five_restarts_no_replica() -> None:
    template = controller(weaviate(), "weaviate")["spec"]["template"]
    assert controller(weaviate(changed(WEAVIATE, replicas=5)), "weaviate")["spec"]["template"] == template


def test_replicas_stand_in_different_zones_and_on_different_nodes() -> None:
    spec = pod(weaviate(zones=3), "weaviate")
    (zones,) = spec["topologySpreadConstraints"]
    assert (zones["topologyKey"], zones["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "DoNotSchedule")
    assert zones["minDomains"] == 3, "a zone without nodes counts too, so that nodes are added there"
    (term,) = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"


def test_one_replica_runs_on_a_single_node_without_zones() -> None:
    spec = pod(weaviate(changed(WEAVIATE, replicas=1), zones=0), "weaviate")
    assert {c["whenUnsatisfiable"] for c in spec["topologySpreadConstraints"]} == {"ScheduleAnyway"}
    assert "affinity" not in spec


def test_volumes_outlive_the_stateful_set_that_claimed_them() -> None:
    spec = controller(weaviate(), "weaviate")["spec"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"] == {"storage": "50Gi"}
    mounts = {m["name"]: m["mountPath"] for m in pod(weaviate(), "weaviate")["containers"][0]["volumeMounts"]}
    assert mounts["data"] == environment(weaviate(), "weaviate")["PERSISTENCE_DATA_PATH"]


def test_a_replica_has_ten_minutes_to_flush() -> None:
    assert pod(weaviate(), "weaviate")["terminationGracePeriodSeconds"] == 600


def test_the_heap_stays_below_the_memory_limit() -> None:
    assert environment(weaviate(), "weaviate")["GOMEMLIMIT"] == "6554MiB"
    assert pod(weaviate(), "weaviate")["containers"][0]["resources"]["limits"]["memory"] == "8Gi"


@pytest.mark.parametrize("protect", [True, False])
def test_deletion_is_refused_while_the_config_says_so(protect: bool) -> None:
    stack = weaviate(changed(WEAVIATE, protect=protect))
    assert stack.named("weaviate-stateful-set").options.get("protect", False) is protect


def test_only_clients_replicas_and_scrapers_get_in_and_only_replicas_are_called() -> None:
    spec = manifest(weaviate(), "NetworkPolicy", "weaviate")["spec"]
    clients, scrapers, replicas = spec["ingress"]
    assert clients["from"] == [{"podSelector": {"matchLabels": {"ragspan.dev/client-of-weaviate": "true"}}}]
    assert [port["port"] for port in clients["ports"]] == [8080, 50051]
    assert [port["port"] for port in scrapers["ports"]] == [2112]
    among = [(port["protocol"], port["port"]) for port in replicas["ports"]]
    assert among == [("TCP", 7000), ("UDP", 7000), ("TCP", 7001), ("TCP", 8300), ("TCP", 8301)]
    assert spec["egress"] == [{"to": replicas["from"], "ports": replicas["ports"]}]
