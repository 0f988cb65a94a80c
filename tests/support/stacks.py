"""The shipped stacks, planned once for all tests that ask."""

from functools import cache

from infra.config.load import from_file, stack_files
from ops.plan.graph import RecordedStack
from ops.plan.program import plan_stack

NAMES = tuple(stack_files())


@cache
def planned(name: str) -> RecordedStack:
    """The recorded program of a shipped stack."""
    return plan_stack(from_file(stack_files()[name]))
