"""Valkey is a cache: one server, bounded memory, nothing on a disk, and a password that stands nowhere."""

from tests.infra.services.samples import (
    VALKEY,
    changed,
    controller,
    environment,
    manifest,
    pod,
    secret_environment,
    valkey,
)


def test_there_is_one_server_and_never_two() -> None:
    spec = controller(valkey(), "valkey")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_it_evicts_before_its_memory_limit_ends_it() -> None:
    stack = valkey(changed(VALKEY, memory_gib=2.0))
    assert environment(stack, "valkey")["MAX_MEMORY"] == "1536mb"
    container = pod(stack, "valkey")["containers"][0]
    assert container["resources"]["limits"]["memory"] == "2Gi"
    assert "maxmemory-policy allkeys-lru" in container["command"][2]


def test_the_password_is_a_variable_from_a_secret_and_no_argument() -> None:
    assert secret_environment(valkey(), "valkey") == {"VALKEY_PASSWORD": ("valkey", "key")}
    assert "requirepass" not in pod(valkey(), "valkey")["containers"][0]["command"][2]


def test_it_writes_to_no_disk() -> None:
    container = pod(valkey(), "valkey")["containers"][0]
    assert not container.get("volumeMounts")
    assert 'save ""\nappendonly no' in container["command"][2]


def test_only_its_clients_reach_it_and_it_reaches_nobody() -> None:
    spec = manifest(valkey(), "NetworkPolicy", "valkey")["spec"]
    (clients,) = spec["ingress"]
    assert clients["ports"] == [{"port": 6379, "protocol": "TCP"}]
    assert clients["from"][0]["podSelector"]["matchLabels"] == {"ragspan.dev/client-of-valkey": "true"}
    assert not spec.get("egress")


def test_probes_ask_for_a_connection() -> None:
    container = pod(valkey(), "valkey")["containers"][0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["tcpSocket"] == {"port": "valkey"}
        assert "httpGet" not in container[probe]
