"""Plans a stack by running the very program that `pulumi up` runs, on the configuration its file says."""

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
    """The SDKs' imports make millions of objects that all stay: looking for garbage takes a third of a plan."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def as_pulumi_config(config: StackConfig) -> dict[str, str]:
    """The stack's sections as the engine hands them to a program: text as it is, everything else as JSON."""
    sections = config.model_dump(mode="json", exclude={"name"})
    return {
        f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in sections.items()
    }
