"""The base class of stack file sections, and the alternative values by which tests prove that every field is used."""

from typing import Annotated, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A frozen part of a stack file. Unknown keys and values of another type are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class FlipsTo:
    """Marks a field with other valid values. A test sets the first one that fits and must see the planned resources
    change.

    A value that depends on the cloud is a mapping by the cluster's kind. Errors show the first value as an example.
    """

    def __init__(self, *values: object) -> None:
        self.values = values


def alternatives(field: FieldInfo) -> tuple[object, ...]:
    """Return the values of the field's `FlipsTo`; empty if it has none."""
    marks = [*field.metadata, *(mark for part in get_args(field.annotation) for mark in get_args(part))]
    return next((mark.values for mark in marks if isinstance(mark, FlipsTo)), ())


Name = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$")]
"""A part of physical names: lower-case letters, digits and hyphens; at most 32 characters."""


def refuse(problem: str, *, allowed: str, remedy: str, key: str = "", value: object = None) -> PydanticCustomError:
    """Return the error for a validator to raise; `key`, dotted and relative to the validated section, says where."""
    context = {"problem": problem, "allowed": allowed, "remedy": remedy, "key": key, "value": value}
    return PydanticCustomError("refused", "{problem}; allowed: {allowed}; {remedy}", context)
