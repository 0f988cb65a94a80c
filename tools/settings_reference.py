"""Write docs/reference/settings.md from the answer service's settings; part of `make schema`."""

from pathlib import Path
from typing import Any

from app.settings import PREFIX, Settings

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "settings.md"

HEAD = """# Settings of the answer service

Every environment variable that the service reads. Generated from `app/settings/` by `make schema`; edit that. A
variable of this prefix that is not here is refused at start. On a cluster the [stack file](stack-file.md) sets them.

| variable | value | default | meaning |
|---|---|---|---|
"""


NAMES = {
    "array": "list",
    "boolean": "`true` or `false`",
    "file-path": "path",
    "integer": "whole number",
    "number": "number",
    "object": "list",
    "password": "secret",
    "path": "path",
    "string": "text",
}


def reference() -> str:
    """The whole page."""
    schema = Settings.model_json_schema()["properties"]
    return HEAD + "".join(_row(name, schema[name]) for name in Settings.model_fields)


def _row(name: str, schema: dict[str, Any]) -> str:
    default: Any = schema.get("default")
    shown = (
        ",".join(map(str, default))
        if schema.get("type") in {"array", "object"}
        else ""
        if default is None
        else str(default)
    )
    cells = [f"`{PREFIX}{name.upper()}`", _kind(schema), shown and f"`{shown}`", schema["description"]]
    return f"| {' | '.join(cells)} |\n"


def _kind(schema: dict[str, Any]) -> str:
    """What a value is, in words, with its bounds."""
    kind = next(variant for variant in schema.get("anyOf", [schema]) if variant.get("type") != "null")
    if "enum" in kind:
        return " or ".join(f"`{value}`" for value in kind["enum"])
    name = NAMES[kind.get("format") or kind["type"]]
    least = kind.get("minimum", kind.get("exclusiveMinimum"))
    if "maximum" in kind:
        return f"{name}, {least} to {kind['maximum']}"
    return name if least is None else f"{name}, {least} or more"


if __name__ == "__main__":
    REFERENCE.write_text(reference())
