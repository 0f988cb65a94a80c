"""A stack's graph as text that a reviewer can read: one line for each resource, below its component."""

from collections.abc import Iterator

from ops.plan.graph import RecordedStack, Resource


def as_tree(stack: RecordedStack) -> str:
    """`name  type  [provider]  flags`, children indented below their parent and sorted by name."""
    children: dict[str | None, list[Resource]] = {}
    for resource in stack.resources:
        children.setdefault(resource.parent, []).append(resource)
    return "\n".join(_lines(children, None, depth=0)) + "\n"


def _lines(children: dict[str | None, list[Resource]], parent: str | None, *, depth: int) -> Iterator[str]:
    for resource in sorted(children.get(parent, ()), key=lambda r: (r.name, r.type)):
        provider = f"[{resource.provider.rpartition('::')[2]}]" if resource.provider else ""
        flags = [flag for flag in ("protect", "retainOnDelete") if resource.options.get(flag)]
        yield "  " * depth + "  ".join(part for part in (resource.name, resource.type, provider, *flags) if part)
        yield from _lines(children, resource.urn, depth=depth + 1)
