"""Errors in a stack file: all problems at once, each with its key, its value and what to write instead."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from infra.naming import PROJECT

_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem. `found` is shown as it is: whoever creates the problem decides that it may be."""

    key: str
    problem: str
    found: str = ""
    allowed: str = ""
    remedy: str

    def __str__(self) -> str:
        what = f"{self.key}: {self.problem}" if self.key else self.problem
        found = f"; found {self.found}" if self.found else ""
        allowed = f"; allowed: {self.allowed}" if self.allowed else ""
        return f"{what}{found}{allowed}; {self.remedy}"


class ConfigError(Exception):
    """A stack's configuration is invalid. The text has one line per problem, each naming the stack file."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))
        self.source = source
        self.problems = tuple(problems)


def key_path(parts: Iterable[str | int]) -> str:
    """`ragspan:cluster.pools[1].machine_type` for ("cluster", "pools", 1, "machine_type")."""
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return f"{PROJECT}:{path}"


def shown(value: object) -> str:
    """Return a value in few characters; mappings, and lists of them, are only described."""
    match value:
        case dict():
            return "a mapping"
        case list() | tuple() if any(isinstance(entry, dict | list) for entry in cast("Sequence[object]", value)):
            return f"a list of {len(cast('Sequence[object]', value))}"
        case None:
            return "nothing"
        case _:
            text = json.dumps(value, ensure_ascii=False, default=str)
            return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
