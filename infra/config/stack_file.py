"""Reads a stack file's YAML exactly as the Pulumi CLI does, and refuses mistakes that would go unnoticed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from yaml.constructor import ConstructorError

from infra.config.errors import ConfigError, Problem, shown
from infra.config.explain import nearest

_TOP_LEVEL = ("config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt")
"""https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/"""


def read_config(path: Path, source: str) -> dict[str, object]:
    """Return the `config:` mapping of a stack file. Raises ConfigError, which calls the file `source`."""
    document = _parsed(_text(path, source), source)
    if not isinstance(document, dict):
        raise _refused(source, f"a stack file is a mapping, this is {shown(document)}", _copy_one(path))
    keys = cast("Mapping[str, object]", document)
    for key in keys:
        if key not in _TOP_LEVEL:
            raise _refused(source, f"unknown top-level key {key}; allowed: {', '.join(_TOP_LEVEL)}", _below_config(key))
    config = keys.get("config")
    if not isinstance(config, dict):
        raise _refused(source, f"`config:` is a mapping of sections; found {shown(config)}", _copy_one(path))
    return cast("dict[str, object]", config)


def _below_config(key: str) -> str:
    return "indent it below `config:`" if ":" in key else nearest(key, _TOP_LEVEL)


def _text(path: Path, source: str) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _refused(source, "there is no such stack file", _copy_one(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(source, f"cannot be read: {error}", "write it as UTF-8 text that you may read") from None
    if not text.strip():
        raise _refused(source, "the file is empty", _copy_one(path))
    return text


def _copy_one(path: Path) -> str:
    existing = sorted(p.name for p in path.parent.glob("Pulumi.*.yaml") if p != path)
    return f"name or copy one of these: {', '.join(existing)}" if existing else f"{path.parent} holds no stack file"


def _parsed(text: str, source: str) -> object:
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _refused(source, f"{where}{error.problem}", "correct the YAML there") from None
    except yaml.YAMLError as error:
        raise _refused(source, " ".join(str(error).split()), "correct the YAML there") from None


def _refused(source: str, problem: str, remedy: str) -> ConfigError:
    return ConfigError(source, [Problem(key="", problem=problem, remedy=remedy)])


class _Loader(yaml.SafeLoader):
    """Reads scalars as in YAML 1.2 (`yes` and `1:30` are text, as in the CLI). Keys must be text, and unique."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute, filled below

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self._constructed(key_node, deep=True)
            if not isinstance(key, str):
                raise ConstructorError(None, None, "a key is text, which this is not", key_node.start_mark)
            if key in mapping:
                raise ConstructorError(None, None, f"the key {key} is there twice", key_node.start_mark)
            mapping[key] = self._constructed(value_node, deep=deep)
        return mapping

    def _constructed(self, node: yaml.Node, *, deep: bool) -> object:
        return cast("Any", self).construct_object(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"(true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*|0b[01]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    cast("Any", _Loader).add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)
