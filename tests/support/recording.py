"""Records a component or a few resources, as `pulumi preview` would see them."""

from collections.abc import Callable

from ops.plan.graph import RecordedStack, Resource
from ops.plan.recorder import record


def recorded(program: Callable[[], object], stack: str = "test") -> RecordedStack:
    """Run `program` (often a lambda that builds one component) as a stack of its own."""

    def run() -> None:
        program()

    return record(stack, run)


def only(program: Callable[[], object], type_: str) -> Resource:
    """The one resource of this type that `program` registers."""
    found = recorded(program).of_type(type_)
    assert len(found) == 1, f"{len(found)} resources of type {type_}"
    return found[0]
