"""What a request may ask for, and how long its stages may take."""

from pydantic import Field
from pydantic_settings import BaseSettings

from app.settings.values import Seconds


class AnsweringSettings(BaseSettings):
    """Sizes and deadlines of one request."""

    top_k: int = Field(default=5, ge=1, le=50, description="Passages retrieved when the request does not say.")
    max_query_chars: int = Field(default=4000, ge=1, le=100_000, description="Longest question, in characters.")
    max_upload_bytes: int = Field(default=20 * 2**20, ge=1, le=2**30, description="Largest document, in bytes.")
    request_timeout_s: Seconds = Field(default=20, description="Whole time that an answer may take.")
    retrieval_timeout_s: Seconds = Field(default=5, description="Time for the embedding and for the search, each.")
    stream_idle_timeout_s: Seconds = Field(default=5, description="Longest silence between two pieces of an answer.")
