"""NVIDIA's RAG Blueprint in library mode behind FastAPI: what `NvidiaRAG.generate` streams is passed on.

After "How to Use the NVIDIA RAG Blueprint Python Package" and "Integrate Custom VDB in Library Mode" of its
documentation: the index is such an operator of one's own, which asks for the embedding and waits, so that no Milvus is
needed. The prompt is the Blueprint's own.
"""

import os
import time
from typing import Any

os.environ["LOGLEVEL"] = "WARNING"  # read when nvidia_rag is imported, as its page says

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from langchain_core.documents import Document
from nvidia_rag import NvidiaRAG
from nvidia_rag.utils.configuration import NvidiaRAGConfig
from nvidia_rag.utils.embedding import get_embedding_model
from nvidia_rag.utils.vdb.vdb_base import VDBRag
from pydantic import BaseModel

from bench.answer.contestant import PASSAGES, Upstream, run
from bench.answer.stub import CANDIDATES, SEARCH_S, WANTED


class Query(BaseModel):
    query: str
    stream: bool = True


def _unasked(*_arguments: Any, **_options: Any) -> Any:
    raise NotImplementedError


class TimedIndex(VDBRag):
    """Finds the passages after the time of a search."""

    collection_name = "passages"
    check_health = create_collection = get_collection = delete_collections = get_documents = delete_documents = _unasked
    create_metadata_schema_collection = add_metadata_schema = get_metadata_schema = get_catalog_metadata = _unasked
    update_catalog_metadata = get_document_catalog_metadata = update_document_catalog_metadata = _unasked

    def __init__(self, embedding_model: Any) -> None:
        self.embedding_model = embedding_model

    def check_collection_exists(self, collection_name: str) -> bool:
        return collection_name == self.collection_name

    def get_langchain_vectorstore(self, collection_name: str) -> None:
        """Return nothing: `retrieval_langchain` needs no handle."""

    def retrieval_langchain(self, query: str, **_options: Any) -> list[Document]:
        self.embedding_model.embed_query(query)
        time.sleep(SEARCH_S)
        return [
            Document(page_content=text, metadata={"source": f"doc-{n}", "collection_name": self.collection_name})
            for n, text in enumerate(PASSAGES)
        ]


def application(upstream: Upstream) -> Any:
    config = NvidiaRAGConfig.from_dict(
        {
            "llm": {"model_name": "m", "server_url": upstream.url},
            "embeddings": {"model_name": "m", "server_url": upstream.url},
            "ranking": {"model_name": "m", "server_url": upstream.url},
        }
    )
    rag = NvidiaRAG(config=config, vdb_op=TimedIndex(get_embedding_model("m", upstream.url, config=config)))
    app = FastAPI()

    @app.post("/v1/query")
    async def query(body: Query) -> StreamingResponse:
        answer = await rag.generate(
            messages=[{"role": "user", "content": body.query}], use_knowledge_base=True,
            collection_names=[TimedIndex.collection_name], vdb_top_k=CANDIDATES, reranker_top_k=WANTED, max_tokens=64,
        )  # fmt: skip
        return StreamingResponse(answer.generator, media_type="text/event-stream")

    return app


if __name__ == "__main__":
    run(application)
