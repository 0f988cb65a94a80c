"""Where traces are sent, and for how many requests."""

from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

from app.settings.values import Url

TRACES_PATH = "/v1/traces"
"""https://opentelemetry.io/docs/specs/otlp/#otlphttp-request"""


class TracingSettings(BaseSettings):
    """Tracing; off without an endpoint."""

    otlp_endpoint: Url | None = Field(
        default=None, description="Base address of an OpenTelemetry collector, OTLP over HTTP; none: no traces."
    )
    trace_sample_ratio: float = Field(
        default=0.1, ge=0, le=1, description="Share of requests to trace, unless the caller's traceparent decides."
    )

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_a_base_address(cls, value: str | None) -> str | None:
        if value and value.endswith(TRACES_PATH):
            raise ValueError(f"it must end before {TRACES_PATH}, which is added, e.g. http://127.0.0.1:4318")
        return value

    @model_validator(mode="after")
    def _ratio_has_an_effect(self) -> Self:
        if self.otlp_endpoint is None and "trace_sample_ratio" in self.model_fields_set:
            raise ValueError(
                "RAGSPAN_TRACE_SAMPLE_RATIO would have no effect without RAGSPAN_OTLP_ENDPOINT; unset it or set both"
            )
        return self
