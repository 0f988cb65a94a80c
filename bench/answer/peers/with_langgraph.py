"""LangGraph behind FastAPI: a graph of retrieve, rerank and generate, its tokens streamed in the mode "messages".

After "Streaming" of LangGraph's documentation, with LangChain's NVIDIA integrations. LangServe itself is in
maintenance: its repository recommends LangGraph's platform for new projects. The index is a wait in the first node.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, TypedDict

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_nvidia_ai_endpoints import ChatNVIDIA, NVIDIAEmbeddings, NVIDIARerank
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel

from bench.answer.contestant import PASSAGES, Upstream, run
from bench.answer.stub import SEARCH_S, WANTED

PROMPT = ChatPromptTemplate.from_template("Answer from the passages.\n{context}\n{question}")


class Query(BaseModel):
    query: str
    stream: bool = True


class State(TypedDict):
    question: str
    found: list[Document]
    answer: str


def graph(url: str) -> Any:
    embeddings = NVIDIAEmbeddings(model="m", base_url=url, api_key="bench")
    reranker = NVIDIARerank(model="m", base_url=url, api_key="bench", top_n=WANTED)
    model = ChatNVIDIA(model="m", base_url=url, api_key="bench", max_completion_tokens=64)

    async def retrieve(state: State) -> dict[str, Any]:
        await embeddings.aembed_query(state["question"])
        await asyncio.sleep(SEARCH_S)
        return {"found": [Document(page_content=text) for text in PASSAGES]}

    async def rerank(state: State) -> dict[str, Any]:
        return {"found": list(await reranker.acompress_documents(state["found"], state["question"]))}

    async def generate(state: State) -> dict[str, Any]:
        context = "\n".join(document.page_content for document in state["found"])
        asked = await PROMPT.ainvoke({"context": context, "question": state["question"]})
        return {"answer": (await model.ainvoke(asked)).content}

    builder = StateGraph(State)
    for node in (retrieve, rerank, generate):
        builder.add_node(node.__name__, node)
    for edge in ((START, "retrieve"), ("retrieve", "rerank"), ("rerank", "generate"), ("generate", END)):
        builder.add_edge(*edge)
    return builder.compile()


def application(upstream: Upstream) -> Any:
    answering = graph(upstream.url)
    app = FastAPI()

    @app.post("/v1/query")
    async def query(body: Query) -> StreamingResponse:
        return StreamingResponse(tokens(body.query), media_type="text/event-stream")

    async def tokens(question: str) -> AsyncGenerator[str, None]:
        async for chunk, _metadata in answering.astream({"question": question}, stream_mode="messages"):
            if chunk.content:
                yield f"event: token\ndata: {json.dumps({'text': chunk.content})}\n\n"
        yield "event: done\ndata: {}\n\n"

    return app


if __name__ == "__main__":
    run(application)
