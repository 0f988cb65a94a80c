"""Haystack and Hayhooks: a pipeline wrapper that Hayhooks deploys and serves as a chat completion.

After "PipelineWrapper" and "Async Operations Example" of Hayhooks' documentation, with the components of Haystack's
page "Integration: NVIDIA". The embedder and the ranker of that integration have no asynchronous form, so the pipeline
runs each in a thread. The index is a component that waits.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

from hayhooks import BasePipelineWrapper, async_streaming_generator, create_app, get_last_user_message
from hayhooks.server.utils.deploy_utils import deploy_pipeline_files
from hayhooks.settings import settings
from haystack import Document, Pipeline, component
from haystack.components.builders import ChatPromptBuilder
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret
from haystack_integrations.components.embedders.nvidia import NvidiaTextEmbedder
from haystack_integrations.components.generators.nvidia import NvidiaChatGenerator
from haystack_integrations.components.rankers.nvidia import NvidiaRanker

from bench.answer.contestant import PASSAGES, Upstream, run, upstream
from bench.answer.stub import SEARCH_S, WANTED

TEMPLATE = "Answer from the passages.\n{% for document in documents %}{{ document.content }}\n{% endfor %}{{ query }}"
PIPELINE = "rag"
DEPLOYED = "from bench.answer.peers.with_haystack import PipelineWrapper"


@component
class TimedRetriever:
    """Finds the passages after the time of a search."""

    @component.output_types(documents=list[Document])
    def run(self, query_embedding: list[float]) -> dict[str, list[Document]]:
        raise NotImplementedError

    @component.output_types(documents=list[Document])
    async def run_async(self, query_embedding: list[float]) -> dict[str, list[Document]]:  # noqa: ARG002 - a search's
        await asyncio.sleep(SEARCH_S)
        return {"documents": [Document(content=text) for text in PASSAGES]}


class PipelineWrapper(BasePipelineWrapper):
    """What Hayhooks deploys."""

    def setup(self) -> None:
        key, url = Secret.from_token("bench"), upstream().url
        self.pipeline = Pipeline()
        self.pipeline.add_component("embedder", NvidiaTextEmbedder(model="m", api_url=url, api_key=key))
        self.pipeline.add_component("retriever", TimedRetriever())
        self.pipeline.add_component("ranker", NvidiaRanker(model="m", api_url=url, api_key=key, top_k=WANTED))
        self.pipeline.add_component(
            "prompt", ChatPromptBuilder(template=[ChatMessage.from_user(TEMPLATE)], required_variables="*")
        )
        generator = NvidiaChatGenerator(model="m", api_base_url=url, api_key=key, generation_kwargs={"max_tokens": 64})
        self.pipeline.add_component("llm", generator)
        self.pipeline.connect("embedder.embedding", "retriever.query_embedding")
        self.pipeline.connect("retriever.documents", "ranker.documents")
        self.pipeline.connect("ranker.documents", "prompt.documents")
        self.pipeline.connect("prompt.prompt", "llm.messages")

    async def run_chat_completion_async(
        self,
        model: str,  # noqa: ARG002 - Hayhooks passes them
        messages: list[dict[str, Any]],
        body: dict[str, Any],  # noqa: ARG002 - Hayhooks passes them
    ) -> AsyncGenerator[Any, None]:
        question = get_last_user_message(messages)
        asked = {"embedder": {"text": question}, "ranker": {"query": question}, "prompt": {"query": question}}
        return async_streaming_generator(pipeline=self.pipeline, pipeline_run_args=asked)


def application(_upstream: Upstream) -> Any:
    logging.disable(logging.INFO)
    settings.pipelines_dir = ""
    app = create_app()
    deploy_pipeline_files(PIPELINE, {"pipeline_wrapper.py": DEPLOYED}, app=app, save_files=False)
    return app


if __name__ == "__main__":
    run(application)
