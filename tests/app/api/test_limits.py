"""Each tenant has its limits, and is told of them; what is beyond is refused before it is read."""

import asyncio
from pathlib import Path

import httpx
import openai
import pytest
from pydantic import SecretStr

from app.adapters import redis_quotas
from app.adapters.redis_connection import RedisAddress, RedisConnection
from app.adapters.replica_quotas import ReplicaQuotas
from app.api.limits import Ledgers
from app.ports import DependencyUnavailable, Grant, Quota
from app.security.api_keys import key_entry, new_key
from app.telemetry.metrics import Metrics
from tests.app.api.conftest import Serve
from tests.app.api.process import NO_TLS
from tests.support.fake_ports import FakeGenerator, FakeStore
from tests.support.redis import PASSWORD, gate_to, redis_server

pytestmark = pytest.mark.anyio
QUESTION = {"query": "Which colour?"}
KEY, OTHER = new_key(), new_key()
KEYS = f"{key_entry('ci', 'acme', KEY)},{key_entry('laptop', 'globex', OTHER)}"
PATIENT_S = 10
"""For Redis to answer a replica, where it is its counting that matters."""
COST = 7
"""Tokens that FakeGenerator reports for an answer."""


async def ask(client: httpx.AsyncClient, key: str = KEY, path: str = "/v1/query", **more: object) -> httpx.Response:
    return await client.post(path, json={**QUESTION, **more}, headers={"X-API-Key": key})


async def statuses(client: httpx.AsyncClient, count: int, key: str = KEY) -> list[int]:
    return [response.status_code for response in await asyncio.gather(*(ask(client, key) for _ in range(count)))]


async def test_exactly_so_many_requests_of_each_tenant(serve: Serve) -> None:
    async with serve(api_keys=KEYS, tenant_requests_per_minute=10, tenant_quotas="globex:3:0:0") as client:
        assert sorted(await statuses(client, 25)) == [200] * 10 + [429] * 15
        assert sorted(await statuses(client, 5, OTHER)) == [200] * 3 + [429] * 2
        metrics = (await client.get("/metrics")).text
    assert 'rag_limited_requests_total{limit="requests"} 17.0' in metrics
    assert "acme" not in metrics
    assert "globex" not in metrics


async def test_every_response_says_what_is_left_and_a_refusal_when_to_come_back(serve: Serve) -> None:
    async with serve(api_keys=KEYS, tenant_quotas="acme:2:5000:4") as client:
        first, _, refused = [await ask(client) for _ in range(3)]
    policy = '"requests";q=2;w=60, "tokens";q=5000;w=60, "concurrent";q=4;qu="concurrent-requests"'
    assert first.headers["ratelimit-policy"] == refused.headers["ratelimit-policy"] == policy
    assert first.headers["ratelimit"] == '"requests";r=1;t=60, "tokens";r=4000;t=60'
    assert refused.status_code == 429
    wait = int(refused.headers["retry-after"])
    assert 55 <= wait <= 61
    assert refused.headers["ratelimit"] == f'"requests";r=0;t={wait}'
    assert refused.json()["violated-policies"] == ["requests"]
    assert refused.json()["type"].endswith("#quota-exceeded")
    assert refused.json()["detail"] == f"Your tenant may make 2 requests a minute; ask again in {wait} s."


async def test_what_is_refused_is_not_read(serve: Serve, store: FakeStore) -> None:
    async with serve(api_keys=KEYS, tenant_requests_per_minute=1) as client:
        assert (await ask(client)).status_code == 200
        response = await client.post("/v1/query", content=b"x" * 10_000_000, headers={"X-API-Key": KEY})
    assert response.status_code == 429
    assert len(store.searches) == 1


async def test_tokens_are_charged_as_reported_streamed_or_not(serve: Serve) -> None:
    async with serve(api_keys=KEYS, tenant_tokens_per_minute=100) as client:
        answers = [await ask(client, stream=bool(number % 2)) for number in range(20)]
        retrieved = await ask(client, path="/v1/retrieve")
    assert [a.status_code for a in answers] == [200] * (100 // COST) + [429] * (20 - 100 // COST)
    assert retrieved.status_code == 200, "searching costs no tokens"


async def test_a_follow_up_is_charged_its_rewriting_too(
    serve: Serve, generator: FakeGenerator, store: FakeStore
) -> None:
    talk = [{"role": "user", "content": "Which colour has the sky?"}]
    model = {"generator": "openai", "generator_url": "http://127.0.0.1:9", "generator_model": "m"}
    async with serve(api_keys=KEYS, tenant_tokens_per_minute=5000, **model) as client:
        first, _ = [await ask(client, messages=talk) for _ in range(2)]
        store.hits = []
        await ask(client, messages=talk)
        left = (await ask(client, path="/v1/retrieve")).headers["ratelimit"]
        metrics = (await client.get("/metrics")).text
    assert (len(generator.prompts), first.json()["metadata"]["tokens"]) == (5, {"prompt": 10, "completion": 4})
    assert left == f'"tokens";r={5000 - 5 * COST};t=60'
    assert 'rag_tokens_total{kind="prompt"} 25.0' in metrics


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_before_the_first_word_costs_no_tokens(
    serve: Serve, generator: FakeGenerator, stream: bool
) -> None:
    generator.pieces, generator.error = (), RuntimeError("broken")
    async with serve(api_keys=KEYS, tenant_tokens_per_minute=1000) as client:
        assert 429 not in {(await ask(client, stream=stream)).status_code for _ in range(5)}
        generator.pieces, generator.error = ("Blue.",), None
        assert (await ask(client, stream=stream)).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_breaks_off_costs_what_was_reserved(
    serve: Serve, generator: FakeGenerator, stream: bool
) -> None:
    generator.error = RuntimeError("broken")
    async with serve(api_keys=KEYS, tenant_tokens_per_minute=1000) as client:
        first, second = [await ask(client, stream=stream) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200 if stream else 500, 429)


async def test_an_answer_that_its_client_leaves_costs_what_was_reserved(serve: Serve, generator: FakeGenerator) -> None:
    generator.stalls = True
    async with serve(api_keys=KEYS, tenant_tokens_per_minute=1000) as client:
        async with client.stream("POST", "/v1/query", json={**QUESTION, "stream": True}, headers={"X-API-Key": KEY}):
            pass
        await asyncio.wait_for(generator.cancelled.wait(), 5)
        assert (await ask(client)).status_code == 429


async def test_so_many_questions_at_once_and_a_place_comes_back(serve: Serve, generator: FakeGenerator) -> None:
    generator.stalls = True
    headers = {"X-API-Key": KEY}
    async with serve(api_keys=KEYS, tenant_concurrent_questions=1, request_timeout_s=30) as client:
        async with client.stream("POST", "/v1/query", json={**QUESTION, "stream": True}, headers=headers) as held:
            await anext(held.aiter_bytes())
            refused = await ask(client)
            assert (refused.status_code, refused.json()["violated-policies"]) == (429, ["concurrent"])
            assert (await client.get("/v1/documents", headers=headers)).status_code == 200, "no question"
        await asyncio.wait_for(generator.cancelled.wait(), 5)
        generator.stalls = False
        while (again := await ask(client)).status_code == 429:
            assert again.json()["violated-policies"] == ["concurrent"]
        assert again.status_code == 200


async def test_openais_client_knows_the_error_and_when_to_come_back(serve: Serve) -> None:
    async with (
        serve(api_keys=KEYS, tenant_requests_per_minute=1) as client,
        openai.DefaultAsyncHttpxClient(trust_env=False, verify=NO_TLS) as http,
        openai.AsyncOpenAI(base_url=f"{client.base_url}/v1", api_key=KEY, max_retries=0, http_client=http) as ours,
    ):
        await ours.models.list()
        with pytest.raises(openai.RateLimitError, match="1 requests a minute") as caught:
            await ours.models.list()
    assert int(caught.value.response.headers["retry-after"]) > 50


@pytest.mark.needs("redis")
async def test_replicas_share_a_limit_through_redis(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_quotas, "TIMEOUT_S", PATIENT_S)
    with redis_server(tmp_path) as url:
        shared = {"api_keys": KEYS, "redis_url": url, "redis_password": PASSWORD, "tenant_requests_per_minute": 11}
        async with serve(**shared) as one, serve(**shared) as other:
            found = [*await statuses(one, 10), *await statuses(other, 10)]
            metrics = (await other.get("/metrics")).text
        redis = RedisConnection(RedisAddress(url=url, password=SecretStr(PASSWORD)))
        commands = await redis.call("INFO", "commandstats", timeout_s=PATIENT_S)
        await redis.close()
    assert found.count(200) == 11
    assert isinstance(commands, bytes)
    assert b"cmdstat_evalsha:calls=20," in commands, "where nothing is to settle, one call a request"
    assert 'rag_quota_checks_total{ledger="shared"} 10.0' in metrics


@pytest.mark.needs("redis")
async def test_without_redis_each_replica_counts_for_itself_and_says_so(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis_server(tmp_path) as url:
        async with gate_to(url) as gate:
            shared = {"redis_url": gate.url, "redis_password": PASSWORD, "tenant_requests_per_minute": 5}
            async with serve(api_keys=KEYS, **shared) as client:
                with monkeypatch.context() as patient:
                    patient.setattr(redis_quotas, "TIMEOUT_S", PATIENT_S)
                    assert await statuses(client, 5) == [200] * 5
                gate.shut()
                found = await statuses(client, 8)
                metrics = (await client.get("/metrics")).text
                gate.open()
    assert found.count(200) == 5
    assert 'rag_quota_checks_total{ledger="replica"} 8.0' in metrics


class Shared(ReplicaQuotas):
    is_away = False

    async def admit(self, tenant: str, quota: Quota, tokens: int, lease: str) -> Grant:
        if self.is_away:
            raise DependencyUnavailable("redis", "Redis refused a command: NOPERM")
        return await super().admit(tenant, quota, tokens, lease)


async def test_the_log_says_once_that_limits_are_no_longer_shared_and_once_that_they_are(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.limits.LEAVE_ALONE_S", 0)
    shared = Shared()
    ledgers = Ledgers(ReplicaQuotas(), shared, Metrics())
    for away in (False, True, True, False, False):
        shared.is_away = away
        await ledgers.admit("acme", Quota(requests=9), 0, "")
    assert caplog.messages == [
        "limits are counted by each replica alone: Redis refused a command: NOPERM",
        "limits are counted by all replicas together",
    ]
