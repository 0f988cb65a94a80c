"""Where the answer service's traces go."""

from typing import Annotated

from pydantic import Field, StringConstraints

from infra.config.section import FlipsTo, Section

DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class Tracing(Section):
    """An OpenTelemetry collector that runs in the cluster and takes OTLP over HTTP."""

    namespace: Annotated[DnsLabel, FlipsTo("other")]
    """Where it runs; the answer service may open connections to this port of its pods, and to nothing else there."""
    service: Annotated[DnsLabel, FlipsTo("other")]
    """Its Service."""
    port: Annotated[int, Field(ge=1, le=65535), FlipsTo(4328)] = 4318
    """The port of the Service and of the pods behind it, which must be one."""
    sample_ratio: Annotated[float, Field(ge=0, le=1), FlipsTo(0.5)] = 0.1
    """Share of requests that are traced, where the caller's traceparent does not decide."""
