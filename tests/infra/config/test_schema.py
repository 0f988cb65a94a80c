import json
from pathlib import Path
from typing import Any

import pytest

from infra.config.load import stack_files
from infra.config.schema import SCHEMA, generated, stack_file_schema
from infra.config.stack_file import read_config
from tests.infra.config.json_schema import faults

SHIPPED = stack_files()


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json.loads(SCHEMA.read_text())


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_what_is_generated_from_the_models_is_current(path: Path):
    assert path.read_text() == generated()[path], "a model changed: run `make schema` and commit what it writes"


@pytest.mark.parametrize("stack", SHIPPED)
def test_editors_accept_what_is_shipped(stack: str, schema: dict[str, Any]):
    document = {"config": read_config(SHIPPED[stack], stack)}
    assert list(faults(document, schema, schema)) == []


@pytest.mark.parametrize(
    ("section", "key", "value", "fault"),
    [
        ("ragspan:vector_store", "replicas", 2, ".config.ragspan:vector_store.replicas: enum"),
        ("ragspan:vector_store", "replica", 3, ".config.ragspan:vector_store.replica: additionalProperties"),
        ("ragspan:app", "top_k", 99, ".config.ragspan:app.top_k: maximum"),
        ("ragspan:app", "log_level", None, ".config.ragspan:app.log_level: type"),
    ],
)
def test_editors_mark_what_is_refused(section: str, key: str, value: object, fault: str, schema: dict[str, Any]):
    document: Any = {"config": read_config(SHIPPED["local"], "local")}
    document["config"][section][key] = value
    assert fault in list(faults(document, schema, schema))


def test_every_key_is_described_to_whoever_writes_it():
    schema = stack_file_schema()
    tables = {"config": schema["properties"]["config"], **schema["$defs"]}
    keys = [(name, key, value) for name, table in tables.items() for key, value in table["properties"].items()]
    assert [f"{name}.{key}" for name, key, value in keys if key != "kind" and not value.get("description")] == []
