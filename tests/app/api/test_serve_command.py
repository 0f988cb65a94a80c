"""`ragspan serve` as a user runs it: a process of its own, signals, exit codes, real adapters."""

import signal
from pathlib import Path

import pytest

from tests.app.api.events import parsed
from tests.app.api.process import running, started
from tests.support.openai_server import ChatScript, OpenAiServer

pytestmark = pytest.mark.anyio
DOCUMENT = ("pools.md", b"The spot pool drains within thirty seconds of a notice.", "text/markdown")
QUESTION = {"query": "How fast does the spot pool drain?", "stream": True}


async def test_a_document_can_be_asked_about_as_soon_as_it_is_uploaded(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, client):
        assert (await client.post("/v1/documents", files={"file": DOCUMENT})).json()["status"] == "created"
        events = parsed((await client.post("/v1/query", json=QUESTION)).text)
    answer = "".join(data["text"] for name, data in events if name == "token")
    citation = events[-1][1]["citations"][0]
    assert answer[citation["start"] : citation["end"]] == DOCUMENT[1].decode()


async def test_sigterm_lets_the_answer_in_flight_finish_and_says_draining(tmp_path: Path) -> None:
    async with OpenAiServer(ChatScript(pieces=("one", "two"), stall_after=1)) as llm:
        chat = {"GENERATOR": "openai", "GENERATOR_URL": llm.url, "GENERATOR_MODEL": "m", "STREAM_IDLE_TIMEOUT_S": "20"}
        async with running(tmp_path, **chat) as (process, client):
            await client.post("/v1/documents", files={"file": DOCUMENT})
            async with client.stream("POST", "/v1/query", json=QUESTION) as response:
                lines = response.aiter_lines()
                assert await anext(lines) == "event: sources"
                process.send_signal(signal.SIGTERM)
                while (ready := await client.get("/readyz")).status_code == 200:
                    pass
                llm.resume.set()
                rest = [line async for line in lines]
            assert (ready.status_code, ready.json()["status"]) == (503, "draining")
            assert "event: done" in rest
            assert await process.wait() == 0


async def test_a_dead_chat_endpoint_is_named_at_readyz_and_a_streamed_question_gets_its_status(tmp_path: Path) -> None:
    chat = {"GENERATOR": "openai", "GENERATOR_URL": "http://127.0.0.1:9/v1", "GENERATOR_MODEL": "m"}
    async with running(tmp_path, **chat, GENERATOR_API_KEY="hunter2") as (_, client):
        await client.post("/v1/documents", files={"file": DOCUMENT})
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["degraded"]) == (200, ["generator"])
        answer = await client.post("/v1/query", json=QUESTION)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "hunter2" not in answer.text
    assert "127.0.0.1:9" not in answer.text


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"PROT": "1"}, 2, "did you mean RAGSPAN_PORT?"),
        ({"HOST": "0.0.0.0"}, 2, "RAGSPAN_API_KEYS is empty"),
        ({"HOST": "192.0.2.1", "API_KEYS": f"ci:acme:{'0' * 64}"}, 1, "nothing can listen on RAGSPAN_HOST=192.0.2.1"),
        ({"DATA_DIR": "/dev/null/x"}, 1, "RAGSPAN_DATA_DIR=/dev/null/x cannot be used"),
    ],
)
async def test_what_cannot_be_served_ends_with_a_sentence(
    tmp_path: Path, settings: dict[str, str], code: int, words: str
) -> None:
    process = await started(tmp_path, **settings)
    out, err = await process.communicate()
    assert (process.returncode, out) == (code, b"")
    assert words in err.decode()
    assert "Traceback" not in err.decode()


async def test_a_second_server_on_the_same_data_is_told_where_the_first_is(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, client):
        second = await started(tmp_path)
        _, err = await second.communicate()
        assert second.returncode == 1
        assert str(client.base_url).rstrip("/") in err.decode()


async def test_killing_the_server_leaves_no_stale_lock(tmp_path: Path) -> None:
    async with running(tmp_path) as (process, client):
        await client.post("/v1/documents", files={"file": DOCUMENT})
        process.kill()
        await process.wait()
    async with running(tmp_path) as (_, client):
        assert len((await client.get("/v1/documents")).json()["documents"]) == 1
