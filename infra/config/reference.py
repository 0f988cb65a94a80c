"""Renders the reference page of the stack file from its JSON Schema."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

Schema = Mapping[str, Any]

_HEAD = """# The stack file

Every key of `stacks/Pulumi.<stack>.yaml`. Generated from the models in `infra/config` by `make schema`; edit those.
Each section is a key below `config:`. Unknown keys and values of another type are refused, and so are secret values:
a stack file holds the names of Kubernetes Secrets.
"""


def reference_page(schema: Schema) -> str:
    """Return the page: one table per section, in the order in which a reader meets them."""
    sections = schema["properties"]["config"]["properties"]
    parts = [_HEAD, _table(sections, required=list(sections))]
    parts += [_section(name, schema["$defs"][name]) for name in dict.fromkeys(_references(sections, schema["$defs"]))]
    return "\n".join(parts)


def _section(name: str, schema: Schema) -> str:
    head = f"## {name}\n\n{schema['description']}\n"
    return f"{head}\n{_table(schema['properties'], schema.get('required', []))}"


def _table(properties: Schema, required: list[str]) -> str:
    rows = [_row(key, value, is_required=key in required) for key, value in properties.items()]
    return "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows, ""])


def _row(key: str, schema: Schema, *, is_required: bool) -> str:
    default = schema.get("default")
    shown = "required" if is_required else "none" if default in (None, []) else _code(default)
    meaning = schema.get("description", "Which variant this is." if key == "kind" else "")
    return f"| `{key}` | {_value(schema)} | {shown} | {meaning} |"


def _value(schema: Schema) -> str:
    match schema:
        case {"$ref": reference}:
            return _link(reference)
        case {"enum": values}:
            return ", ".join(_code(value) for value in values)
        case {"oneOf": variants} | {"anyOf": variants}:
            return " or ".join(_value(variant) for variant in variants if variant.get("type") != "null")
        case {"type": "array", "items": items}:
            return f"list of {_value(items)}"
        case _:
            return _plain(schema)


def _plain(schema: Schema) -> str:
    if "const" in schema:
        return _code(schema["const"])
    if "pattern" in schema:
        return f"text {_code(schema['pattern'])}"
    name = {"string": "text", "integer": "whole number", "boolean": "`true`, `false`"}.get(schema["type"], "number")
    words = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
    bounds = " and ".join(f"{word} {schema[key]}" for key, word in words.items() if key in schema)
    return f"{name}, {bounds}" if bounds else name


def _references(value: Any, definitions: Schema) -> Iterator[str]:
    """Yield the names of the sections that a schema refers to, each followed by those below it."""
    if isinstance(value, list):
        for entry in cast("list[Any]", value):
            yield from _references(entry, definitions)
    elif isinstance(value, dict):
        for key, entry in cast("dict[str, Any]", value).items():
            if key == "$ref":
                name = entry.rpartition("/")[2]
                yield name
                yield from _references(definitions[name]["properties"], definitions)
            else:
                yield from _references(entry, definitions)


def _link(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _code(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text.replace('|', chr(92) + '|')}`"
