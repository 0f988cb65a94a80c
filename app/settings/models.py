"""The models for embedding, reranking and answering."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from app.settings.values import HeaderSecret, Seconds, TokenizerFile, Url
from app.settings.variants import Variant


class ModelSettings(BaseSettings):
    """One choice for each role, and the settings that belong to it."""

    embedder: Literal["embedded", "openai"] = Field(default="embedded", description="What turns text into vectors.")
    embedder_url: Url | None = Field(default=None, description="Base address of an OpenAI-compatible embedding API.")
    embedder_model: str | None = Field(default=None, description="Model name that the embedding API knows.")
    embedder_api_key: HeaderSecret | None = Field(default=None, description="Bearer token of the embedding API.")
    embedder_dimensions: int | None = Field(default=None, ge=1, le=65536, description="Dimensions of its vectors.")
    embedder_max_tokens: int | None = Field(default=None, ge=128, description="Maximum tokens of one text.")
    embedder_tokenizer_file: TokenizerFile | None = Field(
        default=None, description="The model's tokenizer.json, which counts the tokens of chunks."
    )
    embedder_query_prefix: str = Field(default="", description="Text that the model expects before each question.")
    embedder_passage_prefix: str = Field(default="", description="Text that the model expects before each passage.")
    embedder_input_type: bool = Field(
        default=False, description="Send `input_type` query or passage, which NVIDIA retrieval models need."
    )

    reranker: Literal["none", "nim", "tei"] = Field(
        default="none", description="What reranks the passages found: NVIDIA NIM or Text Embeddings Inference."
    )
    reranker_url: Url | None = Field(default=None, description="Address before `/ranking` (NIM) or `/rerank` (TEI).")
    reranker_model: str | None = Field(default=None, description="Model name that the NIM knows.")
    reranker_api_key: HeaderSecret | None = Field(default=None, description="Bearer token of the reranking server.")
    rerank_timeout_s: Seconds = Field(
        default=1, description="Time limit for reranking; if it is exceeded, passages stay in the order of the search."
    )

    generator: Literal["extractive", "openai"] = Field(default="extractive", description="What writes the answer.")
    generator_url: Url | None = Field(default=None, description="Base address of an OpenAI-compatible chat API.")
    generator_model: str | None = Field(default=None, description="Model name that the chat API knows.")
    generator_api_key: HeaderSecret | None = Field(default=None, description="Bearer token of the chat API.")
    generator_max_tokens: int = Field(default=1024, ge=1, le=131072, description="Maximum tokens of one answer.")


VARIANTS = (
    Variant(
        "embedder",
        "openai",
        required=(
            "embedder_url",
            "embedder_model",
            "embedder_dimensions",
            "embedder_max_tokens",
            "embedder_tokenizer_file",
        ),
        optional=("embedder_api_key", "embedder_query_prefix", "embedder_passage_prefix", "embedder_input_type"),
    ),
    Variant("reranker", "nim", "tei", required=("reranker_url",), optional=("reranker_api_key", "rerank_timeout_s")),
    Variant("reranker", "nim", required=("reranker_model",)),
    Variant(
        "generator",
        "openai",
        required=("generator_url", "generator_model"),
        optional=("generator_api_key", "generator_max_tokens"),
    ),
)
