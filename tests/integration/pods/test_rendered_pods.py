"""The pods of a production stack, as rendered, form a cluster, become ready, answer, and outlive one of them."""

import json
import sys
from collections.abc import Mapping
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.integration.pods.conftest import STACK
from tests.integration.pods.running import REPLICAS, SERVERS, Running, wait_until
from tests.support.pods.environment import departures
from tests.support.pods.fake_vllm import PIECES
from tests.support.pods.images import image_of, images, table
from tests.support.pods.objects import Pod, pods_of
from tests.support.stacks import planned

pytestmark = [pytest.mark.needs("weaviate-server"), pytest.mark.needs("namespaces"), pytest.mark.needs("redis")]

QUESTION, PASSAGE = "How fast does the spot pool drain?", "The spot pool drains within 25 seconds of a notice."
ANSWER = "".join(PIECES)
MISSED = "The backup runs at midnight."
REJOIN_TIMEOUT_S = 150
"""Weaviate may refuse a dead member's name at another address for 60 s, and spreads its members every 30 s."""
CATCH_UP_TIMEOUT_S = 100
"""Replicas compare what they hold every 30 s."""


def rendered() -> dict[str, Pod]:
    workloads = [m.body for m in planned(STACK).manifests() if m.kind in {"Deployment", "StatefulSet"}]
    return {pod.name: pod for body in workloads for pod in pods_of(body)}


def seen(running: Running, pod: str) -> dict[str, str]:
    """The variables of a pod's process as the kernel has them."""
    return dict(entry.split("=", 1) for entry in running.cluster.pods[pod]["environment"])


@pytest.fixture(scope="module", autouse=True)
def document(running: Running) -> None:
    running.add("spot.md", PASSAGE)


def test_every_pod_becomes_ready_by_its_rendered_probes_without_a_restart(running: Running) -> None:
    assert running.cluster.pods.keys() == rendered().keys()
    assert running.cluster.pods.keys() > REPLICAS
    assert {(pod["ready"], pod["restarts"]) for pod in running.cluster.pods.values()} == {(True, 0)}


def test_every_process_has_the_rendered_variables_and_none_outside_the_table(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{table(images())}\n")
    found = [
        f"{name}: {departure}"
        for name, pod in rendered().items()
        for departure in departures(
            pod, image_of(pod.container["image"], images()), running.secrets, seen(running, name)
        )
    ]
    assert found == []


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ({"GRPC_PORT": None}, "GRPC_PORT was rendered and is missing"),
        ({"GRPC_PORT": "15051"}, "GRPC_PORT differs from what was rendered"),
        ({"AUTHENTICATION_APIKEY_ALLOWED_KEYS": "other"}, "AUTHENTICATION_APIKEY_ALLOWED_KEYS differs"),
        ({"CLUSTER_IN_LOCALHOST": "true"}, "CLUSTER_IN_LOCALHOST was not rendered and stands in no table"),
        ({"PATH": "/elsewhere"}, "PATH was not rendered and stands in no table"),
    ],
)
def test_a_variable_dropped_changed_or_added_is_found(
    running: Running, planted: Mapping[str, str | None], said: str
) -> None:
    pod = rendered()["weaviate-0"]
    changed = {**seen(running, pod.name), **planted}
    kept = {name: value for name, value in changed.items() if value is not None}
    (found,) = departures(pod, image_of(pod.container["image"], images()), running.secrets, kept)
    assert found.startswith(said)


def test_the_processes_are_the_images_own_with_the_rendered_arguments(running: Running) -> None:
    def ends_with(pod: str, *words: str) -> bool:
        return tuple(running.cluster.pods[pod]["command"][-len(words) :]) == words

    assert ends_with("weaviate-0", "--host", "0.0.0.0", "--port", "8080", "--scheme", "http")
    assert ends_with("rag-api-0", "serve")
    assert ends_with("llm-0", "--host=0.0.0.0", "--port=8000")


def test_the_replicas_of_weaviate_are_one_cluster_of_voters(running: Running) -> None:
    assert running.all_are_members()
    statistics = running.weaviate("weaviate-0", "/v1/cluster/statistics")
    assert statistics["synchronized"]
    assert {replica["name"] for replica in statistics["statistics"] if replica["isVoter"]} == REPLICAS


def test_a_question_is_answered_by_the_rendered_model_from_a_document(running: Running) -> None:
    answer = running.ask(QUESTION)
    assert answer["answer"] == ANSWER
    assert PASSAGE in answer["sources"][answer["citations"][0]["source"]]["text"]
    assert answer["metadata"]["model"] == rendered()["llm-0"].container["args"][0]
    assert answer["metadata"]["degraded"] == []


@pytest.mark.parametrize(("service", "path"), [("rag-api", "/v1/documents"), ("weaviate-0", "/v1/schema")])
def test_without_a_key_both_services_refuse(running: Running, service: str, path: str) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{running.cluster.urls[service]}{path}", timeout=10)
    with refused.value as refusal:
        assert refusal.code == 401


def test_a_session_that_one_replica_began_holds_on_every_other(running: Running) -> None:
    first, *others = (running.cluster.urls[server] for server in SERVERS)
    body = json.dumps({"key": running.key}).encode()
    with urlopen(Request(f"{first}/session", body, {"Content-Type": "application/json"}), timeout=10) as signed_in:
        cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    for server in others:
        with urlopen(Request(f"{server}/v1/documents", headers={"Cookie": cookie}), timeout=10) as listed:
            assert listed.status == 200


def test_every_replica_gives_what_one_has_kept_and_a_lost_cache_costs_no_answer(running: Running) -> None:
    running.ask(QUESTION)
    kept = [running.ask(QUESTION, anew=False) for _ in range(4 * len(SERVERS))]
    assert {answer["metadata"]["cached"] for answer in kept} == {"exact"}
    running.cluster.kill("valkey-0")
    lost = [running.ask(QUESTION, anew=False) for _ in range(4 * len(SERVERS))]
    assert {answer["answer"] for answer in (*kept, *lost)} == {ANSWER}
    running.cluster.wait_until_ready(len(rendered()))
    wait_until(lambda: running.ask(QUESTION, anew=False)["metadata"]["cached"] == "exact", timeout_s=60)


def test_answers_go_on_while_a_replica_is_killed_and_restarted_in_place(running: Running) -> None:
    with running.being_asked(QUESTION, PASSAGE) as wrong:
        running.cluster.kill("weaviate-1")
        running.cluster.wait_until_ready(len(rendered()))
        wait_until(running.all_are_members, REJOIN_TIMEOUT_S)
    assert_brief(wrong)


def test_answers_go_on_without_the_leader_which_comes_back_elsewhere_with_what_it_missed(running: Running) -> None:
    leader = running.leader("weaviate-0")
    witness = min(REPLICAS - {leader})
    with running.being_asked(QUESTION, PASSAGE) as wrong:
        running.cluster.lose(leader)
        running.add("backup.md", MISSED)
        assert running.passages("When does the backup run?")[0] == MISSED
        chunk = running.chunk(witness, MISSED)
        running.cluster.run(leader)
        running.cluster.wait_until_ready(len(rendered()))
        wait_until(running.all_are_members, REJOIN_TIMEOUT_S)
        wait_until(lambda: running.holds(leader, chunk), CATCH_UP_TIMEOUT_S)
    assert_brief(wrong)


def assert_brief(wrong: list[str]) -> None:
    """A death may cost each replica of the answer service the request at hand, which is then told to try again."""
    assert len(wrong) <= sum(name.startswith("rag-api-") for name in rendered())
    assert {json.loads(problem)["status"] for problem in wrong} <= {503, 504}
