"""What an update would do: compares two recorded graphs of one stack, using the catalogue's replacement rules.

Deliberately absent: aliases, which matter when the program changes; these graphs come from two files of one program.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from infra.catalog.replacements import replacement_rule
from ops.plan.graph import COMPUTED, RecordedStack, Resource

Act = Literal["create", "update", "replace", "delete"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource changed by an update: `paths` are the inputs that differ, `replaced_for` those that replace it."""

    act: Act
    type: str
    name: str
    urn: str
    paths: tuple[str, ...] = ()
    replaced_for: tuple[str, ...] = ()
    is_protected: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the engine stops here, because protected resources are neither deleted nor replaced."""
        return self.is_protected and self.act in ("delete", "replace")

    @property
    def reason(self) -> str:
        """The inputs that change or force the replacement, and whether the engine will refuse it."""
        asked = f"for {', '.join(self.replaced_for)}" if self.replaced_for else ", ".join(self.paths)
        return "; ".join(part for part in (asked, "protected: an update stops here" if self.is_refused else "") if part)


def compare(before: RecordedStack, after: RecordedStack) -> tuple[Change, ...]:
    """Return the changes from one graph to the other, sorted by name; unchanged resources are left out."""
    old, new = ({r.urn: r for r in stack.resources if r.custom or r.remote} for stack in (before, after))
    found = {urn: _compared(old[urn], new[urn]) for urn in old.keys() & new.keys()}
    found |= {urn: _change("create", new[urn]) for urn in new.keys() - old.keys()}
    found |= {urn: _change("delete", old[urn]) for urn in old.keys() - new.keys()}
    while spread := dict(_spread(found, new)):
        found |= spread
    changes = [change for change in found.values() if change]
    return tuple(sorted(changes, key=lambda change: (change.name, change.urn)))


def _change(act: Act, resource: Resource, paths: tuple[str, ...] = ()) -> Change:
    return Change(
        act=act,
        type=resource.type,
        name=resource.name,
        urn=resource.urn,
        paths=paths,
        is_protected=bool(resource.options.get("protect")),
    )


def _compared(old: Resource, new: Resource) -> Change | None:
    ignored = cast("list[str]", new.options.get("ignoreChanges", []))
    differing = _differences(old.inputs, new.inputs)
    paths = tuple(path for path in differing if not any(_inside(path, prefix) for prefix in ignored))
    # The engine checks whether the existing resource is protected, not whether it will be.
    return _judged(_change("update", old, paths), new) if paths else None


def _judged(change: Change, resource: Resource) -> Change:
    """Return the change, turned into a replacement if one of its paths requires one."""
    asked = cast("list[str]", resource.options.get("replaceOnChanges", []))
    replacing = tuple(
        path
        for path in change.paths
        if replacement_rule(resource.type, path) or any(_inside(path, prefix) or prefix == "*" for prefix in asked)
    )
    return replace(change, act="replace" if replacing else "update", replaced_for=replacing)


def _spread(found: Mapping[str, Change | None], new: Mapping[str, Resource]) -> Iterator[tuple[str, Change]]:
    """Yield the changes of resources that use a computed value of a resource created or replaced."""
    remade = {urn for urn, change in found.items() if change and change.act in ("create", "replace")}
    for urn, resource in new.items():
        change = found[urn] or _change("update", resource)
        if change.act == "create":
            continue
        sources = cast("Mapping[str, list[str]]", resource.options.get("propertyDependencies", {}))
        taken = {
            path
            for key, urns in sources.items()
            if remade.intersection(urns)
            for path in _computed(resource.inputs.get(key), key)
        }
        if further := taken.difference(change.paths):
            yield urn, _judged(replace(change, paths=tuple(sorted({*change.paths, *further}))), resource)


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of inputs that differ, in key order; lists of different lengths differ as a whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        left, right = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        for key in sorted(left.keys() | right.keys()):
            yield from _differences(left.get(key), right.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(cast("list[Any]", old)) == len(cast("list[Any]", new)):
        for index, (left, right) in enumerate(zip(cast("list[Any]", old), cast("list[Any]", new), strict=True)):
            yield from _differences(left, right, f"{path}[{index}]")
    elif old != new:
        yield path


def _computed(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, child in cast("Mapping[str, Any]", value).items():
            yield from _computed(child, f"{path}.{key}")
    elif isinstance(value, list):
        for index, child in enumerate(cast("list[Any]", value)):
            yield from _computed(child, f"{path}[{index}]")
    elif isinstance(value, str) and COMPUTED in value:
        yield path


def _inside(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith((f"{prefix}.", f"{prefix}["))
