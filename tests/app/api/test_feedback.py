"""Whether an answer helped: counted, logged, and nothing else taken."""

import re
import uuid

import httpx
import pytest

from tests.app.api.conftest import Serve

pytestmark = pytest.mark.anyio
ID = str(uuid.uuid4())


async def test_a_rating_is_counted_and_logged_by_the_answers_id(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ragspan.feedback")
    for rating in ("up", "down", "down", "none"):
        assert (await client.post("/v1/feedback", json={"answer_id": ID, "rating": rating})).status_code == 204
    metrics = (await client.get("/metrics")).text
    assert 'rag_feedback_total{rating="up"} 1.0' in metrics
    assert 'rag_feedback_total{rating="down"} 2.0' in metrics
    assert 'rag_feedback_total{rating="none"} 1.0' in metrics
    assert [vars(record)["answer_id"] for record in caplog.records if record.name == "ragspan.feedback"] == [ID] * 4


@pytest.mark.parametrize("cache", ["none", "memory"])
async def test_the_line_of_each_answers_request_has_the_id_that_it_is_rated_by(
    serve: Serve, caplog: pytest.LogCaptureFixture, cache: str
) -> None:
    caplog.set_level("INFO", "ragspan.request")
    question = {"query": "What is blue?"}
    chat = {"model": "ragspan-fake-model", "messages": [{"role": "user", "content": "What is blue?"}]}
    async with serve(cache=cache) as client:
        answers = [await client.post("/v1/query", json=question) for _ in range(3)]
        stream = await client.post("/v1/query", json={**question, "stream": True})
        completion = await client.post("/v1/chat/completions", json=chat)
        await client.get("/openapi.json")
    given = [answer.json()["answer_id"] for answer in answers]
    given += re.findall(r'"answer_id":"([^"]+)"', stream.text)
    given.append(completion.json()["ragspan"]["answer_id"])
    assert len(set(given)) == 5
    logged = [vars(record).get("answer_id") for record in caplog.records if record.name == "ragspan.request"]
    assert logged == [*given, None]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"answer_id": ID, "rating": "5"}, "rating"),
        ({"answer_id": "SECRET", "rating": "up"}, "answer_id"),
        ({"answer_id": ID, "rating": "up", "comment": "SECRET"}, "there is no field 'comment'"),
    ],
)
async def test_anything_else_is_refused(client: httpx.AsyncClient, body: dict[str, str], named: str) -> None:
    response = await client.post("/v1/feedback", json=body)
    assert (response.status_code, named in response.json()["detail"]) == (422, True)
    assert "SECRET" not in response.text
