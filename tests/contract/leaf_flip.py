"""Changes one value of a configuration at a time, to the alternative that its field declares."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from infra.config.errors import key_path
from infra.config.section import Section, alternatives
from infra.config.stack import StackConfig

Path = tuple[str | int, ...]
Change = Callable[[dict[str, Any]], None]
"""Edits a stack's sections as JSON, in place."""


@dataclass(frozen=True)
class Leaf:
    """One value of a configuration; `field` is `<section's class>.<key>`."""

    field: str
    path: Path
    value: object
    choices: tuple[object, ...]

    @property
    def key(self) -> str:
        return key_path(self.path)


def leaves(section: Section, path: Path = ()) -> Iterator[Leaf]:
    """Every value of the active variants, discriminators and the stack's name aside."""
    for key, field in type(section).model_fields.items():
        if key == "kind" or (key == "name" and isinstance(section, StackConfig)):
            continue
        value: object = getattr(section, key)
        sections = [entry for entry in _entries(value) if isinstance(entry, Section)]
        if isinstance(value, Section):
            yield from leaves(value, (*path, key))
        elif sections:
            for index, entry in enumerate(sections):
                yield from leaves(entry, (*path, key, index))
        else:
            choices = (not value,) if isinstance(value, bool) else alternatives(field)
            yield Leaf(f"{type(section).__name__}.{key}", (*path, key), value, choices)


def _entries(value: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()


def changed(config: StackConfig, change: Change) -> StackConfig:
    """The configuration after an edit. Raises ValidationError."""
    data = config.model_dump(mode="json")
    change(data)
    return StackConfig.model_validate_json(json.dumps(data))


def flipped(config: StackConfig, leaf: Leaf) -> StackConfig | None:
    """The configuration with the first other value of this leaf that is valid, or None where none is."""
    for choice in leaf.choices:
        if _plain(choice, config.cluster.kind) == _plain(leaf.value, config.cluster.kind):
            continue
        try:
            return changed(
                config, lambda data, choice=choice: _put(data, leaf.path, _plain(choice, config.cluster.kind))
            )
        except ValidationError:
            continue
    return None


def _put(data: Any, path: Path, value: object) -> None:
    *outer, last = path
    for part in outer:
        data = data[part]
    data[last] = value


def _plain(choice: object, kind: str) -> object:
    """A choice as JSON has it; one that depends on the cloud is picked by the cluster's kind."""
    if isinstance(choice, dict):
        by_kind = cast("dict[str, object]", choice)
        return by_kind.get(kind) if by_kind.keys() <= {"gke", "eks", "existing"} else by_kind
    return list(_entries(cast("object", choice))) if isinstance(choice, tuple) else choice
