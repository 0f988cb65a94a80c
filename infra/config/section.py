"""The base of every stack-file section, and the alternative value by which tests prove that a field is used."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A frozen part of a stack file. Unknown keys and values of another type are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class FlipsTo:
    """Beside a field: another valid value. A test sets it and must see the planned resources change."""

    value: object


Name = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$")]
"""A part of physical names: lower case, digits, hyphens; at most 32 characters."""


def refuse(problem: str, *, allowed: str, remedy: str, key: str = "", value: object = None) -> PydanticCustomError:
    """Build the error that a validator raises; `key`, dotted and below the validated section, says where."""
    context = {"problem": problem, "allowed": allowed, "remedy": remedy, "key": key, "value": value}
    return PydanticCustomError("refused", "{problem}; allowed: {allowed}; {remedy}", context)
