"""LlamaIndex behind FastAPI: a RetrieverQueryEngine with a reranker and a streaming response synthesizer.

After "Streaming" and "Usage Pattern" of query engines in LlamaIndex's documentation, with its NVIDIA integrations for
embeddings and reranking, and OpenAILike. That reranker has no asynchronous form, so the engine runs it in a thread. The
index is a retriever that asks for the embedding and waits.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from llama_index.core import QueryBundle, get_response_synthesizer
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.embeddings.nvidia import NVIDIAEmbedding
from llama_index.llms.openai_like import OpenAILike
from llama_index.postprocessor.nvidia_rerank import NVIDIARerank
from pydantic import BaseModel

from bench.answer.contestant import PASSAGES, Upstream, run
from bench.answer.stub import SEARCH_S, WANTED


class Query(BaseModel):
    query: str
    stream: bool = True


class TimedRetriever(BaseRetriever):
    """Finds the passages after the time of a search."""

    def __init__(self, embedding: NVIDIAEmbedding) -> None:
        self._embedding = embedding
        self._nodes = [NodeWithScore(node=TextNode(text=text), score=0.9) for text in PASSAGES]
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        raise NotImplementedError

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        await self._embedding.aget_query_embedding(query_bundle.query_str)
        await asyncio.sleep(SEARCH_S)
        return list(self._nodes)


def application(upstream: Upstream) -> Any:
    url = upstream.url
    llm = OpenAILike(model="m", api_base=url, api_key="bench", is_chat_model=True, max_tokens=64)
    engine = RetrieverQueryEngine(
        retriever=TimedRetriever(NVIDIAEmbedding(model="m", base_url=url, api_key="bench")),
        node_postprocessors=[NVIDIARerank(model="m", base_url=url, api_key="bench", top_n=WANTED)],
        response_synthesizer=get_response_synthesizer(llm=llm, streaming=True, use_async=True),
    )
    app = FastAPI()

    @app.post("/v1/query")
    async def query(body: Query) -> StreamingResponse:
        response = await engine.aquery(body.query)
        return StreamingResponse(tokens(response), media_type="text/event-stream")

    async def tokens(response: Any) -> AsyncGenerator[str, None]:
        async for text in response.async_response_gen():
            if text:
                yield f"event: token\ndata: {json.dumps({'text': text})}\n\n"
        yield "event: done\ndata: {}\n\n"

    return app


if __name__ == "__main__":
    run(application)
