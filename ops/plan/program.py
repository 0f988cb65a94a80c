"""Plans a stack by running the same program as `pulumi up`, with the configuration from its file."""

import gc
import json
from collections.abc import Generator
from contextlib import contextmanager

from infra.config.stack import StackConfig
from infra.naming import PROJECT
from ops.plan.graph import RecordedStack
from ops.plan.recorder import record


def plan_stack(config: StackConfig) -> RecordedStack:
    """Record the stack's program. Only the clouds that this stack uses are imported. Raises what the program raises."""
    with _without_collector():
        from stacks.__main__ import main  # noqa: PLC0415 - seconds of imports, for those who plan only

        return record(config.name, main, as_pulumi_config(config))


@contextmanager
def _without_collector() -> Generator[None]:
    """Disable garbage collection in the block.

    The SDKs' imports create millions of permanent objects; searching them would take a third of a plan's time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def as_pulumi_config(config: StackConfig) -> dict[str, str]:
    """Return the stack's sections as the engine passes them to a program: text as it is, everything else as JSON."""
    sections = config.model_dump(mode="json", exclude={"name"})
    return {
        f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in sections.items()
    }
