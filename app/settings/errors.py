"""Explains wrong settings: the variable, its value unless that may hold a secret, and what is allowed."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo


class SettingsError(Exception):
    """The environment does not form valid settings; `problems` has one sentence for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def unknown_variables(environ: Mapping[str, str], prefix: str, known: Collection[str]) -> list[str]:
    """Return one sentence for each variable with our prefix that is no setting, naming the closest one."""
    sentences: list[str] = []
    for name in sorted(environ):
        if name.upper().startswith(prefix) and name.upper() not in known:
            nearest = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0)[0]
            sentences.append(f"{name} is not a setting of ragspan; did you mean {nearest}? Rename it or unset it.")
    return sentences


def describe(error: ValidationError, model: type[BaseModel], environ: Mapping[str, str]) -> list[str]:
    """Return one sentence for each fault that pydantic found in the environment."""
    prefix = str(model.model_config.get("env_prefix", ""))
    values = {name.upper(): value for name, value in environ.items()}
    sentences: list[str] = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        reason = fault["msg"].removeprefix("Value error, ")
        if not fault["loc"]:
            sentences += [f"{line}." for line in reason.splitlines()]
            continue
        field = str(fault["loc"][0])
        name = prefix + field.upper()
        setting = model.model_fields[field]
        shown = _shown(setting, values.get(name, ""))
        sentences.append(f"{name}{shown} is refused: {reason}. {setting.description or ''}")
    return sentences


def _shown(setting: FieldInfo, value: str) -> str:
    """Return `='value'`, or nothing for a secret or for an address that may name a user; queries are cut off."""
    if not setting.repr or _has_secret(setting.annotation) or "@" in value:
        return ""
    without_query = re.split("[?#]", value, maxsplit=1)[0]
    return f"={without_query[:80]!r}" if without_query == value else f"={without_query[:80] + '…'!r}"


def _has_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_has_secret(part) for part in get_args(annotation))
