"""Checks a value against a JSON Schema: the keywords that our schema uses, and no other."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}
CHECKS: dict[str, Callable[[Any, Any], bool]] = {
    "type": lambda value, name: TYPES[name](value),
    "enum": lambda value, choices: value in choices,
    "const": lambda value, only: value == only,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
    "minLength": lambda value, least: len(value) >= least,
    "minItems": lambda value, least: len(value) >= least,
    "maxItems": lambda value, most: len(value) <= most,
    "minimum": lambda value, least: value >= least,
    "maximum": lambda value, most: value <= most,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "required": lambda value, keys: set(keys) <= set(value),
}
NESTED = {"$ref", "oneOf", "anyOf", "items", "properties", "patternProperties", "additionalProperties"}
WORDS = {"$schema", "$defs", "title", "description", "default"}


def faults(value: Any, schema: Schema, root: Schema, path: str = "") -> Iterator[str]:
    """Where the value breaks the schema, and by which keyword."""
    assert set(schema) <= set(CHECKS) | NESTED | WORDS, f"a keyword of {sorted(schema)} is not checked here"
    for keyword in [keyword for keyword in CHECKS if keyword in schema]:
        if not CHECKS[keyword](value, schema[keyword]):
            yield f"{path}: {keyword}"
            return
    if "$ref" in schema:
        yield from faults(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, path)
    if variants := schema.get("oneOf") or schema.get("anyOf"):
        rejected = [list(faults(value, variant, root, path)) for variant in variants]
        if all(rejected):
            yield from min(rejected, key=len)
    if "items" in schema:
        for index, entry in enumerate(value):
            yield from faults(entry, schema["items"], root, f"{path}[{index}]")
    if "properties" in schema:
        yield from _property_faults(value, schema, root, path)


def _property_faults(value: Mapping[str, Any], schema: Schema, root: Schema, path: str) -> Iterator[str]:
    patterns = schema.get("patternProperties", {})
    for key, entry in value.items():
        matching = [sub for pattern, sub in patterns.items() if re.search(pattern, key)]
        matching += [schema["properties"][key]] if key in schema["properties"] else []
        if not matching and schema.get("additionalProperties") is False:
            yield f"{path}.{key}: additionalProperties"
        for sub in matching:
            yield from faults(entry, sub, root, f"{path}.{key}")
