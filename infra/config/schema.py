"""Generates files from the models: the JSON Schema of stack files for editors, and their reference page.

Run it with `make schema` after changing a model; a test fails if that was forgotten.
"""

import json
from pathlib import Path
from typing import Any, cast

from infra.config.reference import reference_page
from infra.config.stack import StackConfig
from infra.naming import PROJECT

_ROOT = Path(__file__).resolve().parents[2]
SCHEMA = _ROOT / "stacks" / "stack.schema.json"
REFERENCE = _ROOT / "docs" / "reference" / "stack-file.md"

_OWNED_BY_PULUMI = {
    "environment": "Environments of Pulumi ESC; let them hold cloud credentials, not configuration.",
    "secretsprovider": "Written by `pulumi stack init`.",
    "encryptedkey": "Written by `pulumi stack init`.",
    "encryptionsalt": "Written by `pulumi stack init`.",
}


def stack_file_schema() -> dict[str, Any]:
    """Return the schema of a whole stack file, with its sections below `config:` under their full keys."""
    models = _without_titles(StackConfig.model_json_schema())
    sections = {f"{PROJECT}:{key}": schema for key, schema in models["properties"].items() if key != "name"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "ragspan stack file",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": sections,
                "patternProperties": {"^pulumi:": {"description": "Settings of Pulumi itself."}},
                "required": list(sections),
                "additionalProperties": False,
            },
            **{key: {"description": description} for key, description in _OWNED_BY_PULUMI.items()},
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": models["$defs"],
    }


def _without_titles(schema: Any) -> Any:
    """Remove titles, which pydantic adds and editors would show instead of the descriptions."""
    if isinstance(schema, list):
        return [_without_titles(entry) for entry in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value)
        for key, value in cast("dict[str, Any]", schema).items()
        if key != "discriminator" and not (key == "title" and isinstance(value, str))
    }


def generated() -> dict[Path, str]:
    """Return the text of each generated file."""
    schema = stack_file_schema()
    return {SCHEMA: json.dumps(schema, indent=2) + "\n", REFERENCE: reference_page(schema)}


if __name__ == "__main__":
    for path, text in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
