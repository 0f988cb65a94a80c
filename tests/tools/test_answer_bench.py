"""The bench of the answer service: who takes part, who is said not to, and what the figures are made of."""

import asyncio
import json
import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from bench.answer import entries as table
from bench.answer.__main__ import contestants, rounds
from bench.answer.entries import OURS, PEERS, Entry, entries
from bench.answer.load import CHAT, NEVER_THE_SAME, Figures, measure
from bench.answer.processes import running
from bench.answer.report import FLOOR, HOLDING, adapter_cpu_ms, rows, write
from bench.answer.stub import IDEAL_S, IDEAL_TTFT_S
from bench.answer.two_processes import Redis, observe, services
from tests.support.redis import redis_server

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cores() -> Generator[None]:
    """Give this process back the cores that the bench keeps itself from."""
    mine = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, mine)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(table, "CACHE", tmp_path)
    return tmp_path


def install(entry: Entry, cache: Path, lock: bytes) -> None:
    folder = cache / entry.environment
    folder.mkdir()
    (folder / "requirements.txt").write_bytes(lock)


def test_a_framework_that_is_not_installed_is_named_as_missing(cache: Path) -> None:
    wanted, missing = entries([], peers=True)
    assert (list(wanted), missing) == (list(OURS), list(PEERS))


def test_a_framework_takes_part_only_as_its_lock_pins_it(cache: Path) -> None:
    first, second = list(PEERS)[:2]
    lock = (ROOT / "requirements" / f"{PEERS[first].environment}.txt").read_bytes()
    install(PEERS[first], cache, lock)
    install(PEERS[second], cache, lock)
    wanted, missing = entries(["FastAPI"], peers=True)
    assert first in wanted
    assert second in missing


def test_without_asking_no_framework_takes_part_or_is_missed() -> None:
    assert entries([], peers=False) == (OURS, [])


def test_no_environment_of_the_project_has_a_framework() -> None:
    locks = [ROOT / "requirements" / name for name in ("dev.txt", "app.txt")]
    names = ("haystack-ai", "hayhooks", "llama-index-core", "langgraph", "nvidia-rag")
    assert [name for lock in locks for name in names if f"\n{name}==" in lock.read_text()] == []


def test_the_tool_installs_nothing_that_is_there_or_that_it_does_not_know(tmp_path: Path) -> None:
    lock = (ROOT / "requirements" / "bench-langgraph.txt").read_bytes()
    (tmp_path / "ragspan").mkdir()
    install(PEERS["LangGraph + FastAPI"], tmp_path / "ragspan", lock)
    command, environment = [ROOT / "tools" / "bench_peers"], os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    here = subprocess.run([*command, "langgraph"], env=environment, capture_output=True, text=True, check=True)
    assert here.stdout == "langgraph: here\n"
    unknown = subprocess.run([*command, "langgraf"], env=environment, capture_output=True, text=True, check=False)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no framework is called langgraf; there are langgraph, llamaindex" in unknown.stderr


def test_the_floor_is_measured_against_the_stub() -> None:
    wanted = {FLOOR: OURS[FLOOR]}
    with contestants(wanted) as servers:
        found = asyncio.run(rounds(servers, wanted, number=1, requests=64))
    alone, together = rows(found)
    assert (alone.clients, together.clients, alone.times_floor) == (1, 64, 1.0)
    assert 0 < alone.of_ideal < 1
    assert alone.median.ttft_p50_ms > 0
    assert together.median.cpu_ms > 0


def test_a_held_answer_begins_when_its_last_token_has_come() -> None:
    wanted = {HOLDING: OURS[HOLDING]}
    with contestants(wanted) as servers:
        found = asyncio.run(rounds(servers, wanted, number=1, requests=16))
    assert found[HOLDING, 1][0].ttft_p50_ms >= 1000 * (IDEAL_S - IDEAL_TTFT_S)


def test_an_answer_without_the_marks_of_its_dialect_is_no_answer() -> None:
    with contestants({FLOOR: OURS[FLOOR]}) as servers:
        server = servers[FLOOR]
        with pytest.raises(ConnectionError, match="an answer broke off"):
            asyncio.run(asyncio.wait_for(measure(int(server.ports[0]), [server.pid], 1, 1, CHAT), 5))


@pytest.mark.needs("redis")
def test_two_processes_share_the_connections_of_one_port_and_a_redis(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url, services(url, [2]) as (stub, servers):
        seen = asyncio.run(observe(servers[2], stub, Redis(url), clients=64, asked=range(64)))
    assert servers[2][0].ports == servers[2][1].ports
    assert (seen.processes, seen.clients) == (2, 64)
    assert 0.5 <= seen.share < 1
    assert seen.redis_commands > 1
    assert min(seen.median.cpu_ms, seen.other_cpu_ms, seen.cores_busy) > 0


def test_a_question_is_never_the_same_where_its_dialect_has_a_place_for_a_number() -> None:
    assert CHAT.asked(1) == CHAT.asked(2)
    assert NEVER_THE_SAME.asked(1) != NEVER_THE_SAME.asked(2)
    assert len(NEVER_THE_SAME.asked(1)) == len(NEVER_THE_SAME.asked(99_999)) == len(NEVER_THE_SAME.request)


def test_a_contestant_that_does_not_start_says_why() -> None:
    says_why = pytest.raises(RuntimeError, match=r"bench.answer.absent did not start:[\s\S]*No module named")
    with says_why, running("bench.answer.absent", 0):
        pass


def test_the_adapter_costs_what_the_service_costs_more_with_it() -> None:
    costs = {("ragspan", 1): 2.0, ("ragspan", 64): 1.0, ("ragspan, Weaviate", 64): 1.5, (FLOOR, 64): 0.5}
    table = rows({key: [Figures(1, 1, 1, cpu_ms)] for key, cpu_ms in costs.items()})
    assert adapter_cpu_ms(table) == {64: 0.5}


def test_rows_are_medians_over_the_floor_of_the_same_number_of_clients(tmp_path: Path) -> None:
    found = {
        (FLOOR, 1): [Figures(1, 2, 6, 0.5)],
        ("other", 1): [Figures(3, 9, 4, 2), Figures(5, 7, 5, 1), Figures(4, 8, 6, 9)],
        ("other", 64): [Figures(3, 9, 407, 2)],
    }
    table = rows(found)
    assert [(row.contestant, row.clients, row.times_floor) for row in table] == [
        (FLOOR, 1, 1.0), ("other", 1, 4.0), ("other", 64, None)
    ]  # fmt: skip
    assert table[1].median == Figures(4, 8, 5, 2)
    write(tmp_path / "figures.json", table, rounds=3)
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written["rounds"] == 3
    assert written["figures"][1]["cpu_ms"] == 2
    assert written["figures"][2]["of_ideal"] == pytest.approx(0.998, abs=0.01)
