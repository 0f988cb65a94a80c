"""How much a request may ask for, and how long each stage may take."""

from pydantic import Field
from pydantic_settings import BaseSettings

from app.settings.values import Seconds


class AnsweringSettings(BaseSettings):
    """Sizes and deadlines of one request."""

    top_k: int = Field(default=5, ge=1, le=50, description="Passages to retrieve if the request does not say how many.")
    passages_per_document: int = Field(
        default=50,
        ge=1,
        le=50,
        description="Maximum passages from one document; a low number makes answers draw on several documents.",
    )
    prompt_max_tokens: int = Field(
        default=6000,
        ge=1024,
        le=1_000_000,
        description="Maximum tokens of passages, then of the latest turns, in one prompt; three bytes count as one.",
    )
    max_query_chars: int = Field(default=4000, ge=1, le=100_000, description="Longest question, in characters.")
    max_upload_bytes: int = Field(default=20 * 2**20, ge=1, le=2**30, description="Largest document, in bytes.")
    request_timeout_s: Seconds = Field(default=20, description="Time limit for a whole answer.")
    retrieval_timeout_s: Seconds = Field(default=5, description="Time limit for the embedding, and for the search.")
    rewrite_timeout_s: float = Field(
        default=2,
        ge=0,
        le=60,
        description="Time limit for a model to make a follow-up question stand alone; 0: it is not asked.",
    )
    stream_idle_timeout_s: Seconds = Field(default=5, description="Longest silence between two pieces of an answer.")
