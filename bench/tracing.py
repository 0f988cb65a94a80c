"""Measures what tracing costs the event loop for a request of four stages, in CPU microseconds of its thread.

`python -m bench.tracing`. The task that sends spans in batches is left out.
"""

import asyncio
import time

from app.rag.run import Run, Stage
from app.rag.trace import current
from app.settings import Settings
from app.telemetry import otlp
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracing

REQUESTS = 400
"""So few that their spans stay below `MAX_PENDING`, and none is dropped."""
ROUNDS = 5
NOBODY = "http://127.0.0.1:9"
RETRIEVAL: tuple[Stage, ...] = ("embed", "search", "rerank")
MODES = {
    "off": Settings(),
    "on, not sampled": Settings(otlp_endpoint=NOBODY, trace_sample_ratio=0),
    "on, sampled": Settings(otlp_endpoint=NOBODY, trace_sample_ratio=1),
}


def request(tracing: Tracing) -> None:
    trace = tracing.begin([])
    token = current.set(trace)
    run = Run(20)
    for stage in RETRIEVAL:
        with run.stage(stage):
            pass
    with run.stage("generate") as generating:
        generating.first_token()
    tracing.finish(trace, "POST", "/v1/query", 200)
    current.reset(token)


async def cost_us(settings: Settings) -> float:
    """Return the fastest round: a disturbance can only make a round slower."""
    found: list[float] = []
    for _ in range(ROUNDS):
        tracing = Tracing(settings, Metrics())
        async with tracing.exporting():
            began = time.thread_time()
            for _ in range(REQUESTS):
                request(tracing)
            found.append((time.thread_time() - began) / REQUESTS * 1e6)
    return min(found)


def main() -> None:
    otlp.FLUSH_S = 0.0
    for name, settings in MODES.items():
        print(f"{name:16}{asyncio.run(cost_us(settings)):8.1f} µs a request")


if __name__ == "__main__":
    main()
