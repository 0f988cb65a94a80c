"""Translates pydantic's findings about a stack file into sentences for its author."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, cast, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from infra.config.errors import Problem, key_path, shown
from infra.config.secrets import BasicAuth, SecretKey
from infra.config.section import Section, alternatives
from infra.config.stack import StackConfig

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false, without quotes",
    "tuple_type": "a list",
    "model_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
}
_BOUNDS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "too_short": "{min_length} or more entries",
    "too_long": "{max_length} or fewer entries",
    "string_too_short": "{min_length} or more characters",
}


def problems_of(error: ValidationError) -> list[Problem]:
    """Return one problem for each finding, in the order of the models' fields."""
    return [_problem(details) for details in error.errors(include_url=False) if not _is_echo(details)]


def nearest(word: str, known: Sequence[str]) -> str:
    """Return advice about an unknown word: the closest known one, or to remove it."""
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else "remove it"


class _Place(NamedTuple):
    """Where a finding is: its key without union tags, the section that contains it, and the field if known.

    `others` are sections of another `kind` that could stand in its place.
    """

    path: list[str | int]
    section: type[Section]
    field: FieldInfo | None
    others: list[type[Section]]


def _problem(details: ErrorDetails) -> Problem:
    place = _place(details["loc"])
    ctx = details.get("ctx", {})
    key = key_path(place.path)
    match details["type"]:
        case "refused":
            key += f".{ctx['key']}" if place.path and ctx["key"] else ctx["key"]
            found = "" if ctx["value"] is None else shown(ctx["value"])
            return Problem(key=key, problem=ctx["problem"], found=found, allowed=ctx["allowed"], remedy=ctx["remedy"])
        case "extra_forbidden":
            known = ", ".join(place.section.model_fields)
            return Problem(key=key, problem="unknown key", allowed=known, remedy=_unknown(place))
        case "missing":
            return Problem(key=key, problem="missing", allowed=_choices(place), remedy=f"add it{_example(place)}")
        case "union_tag_not_found":
            return Problem(key=f"{key}.kind", problem="missing", allowed=_tags(place), remedy="add it")
        case "union_tag_invalid":
            remedy = nearest(str(ctx["tag"]), _tags(place).split(", "))
            return Problem(
                key=f"{key}.kind", problem="unknown kind", found=shown(ctx["tag"]), allowed=_tags(place), remedy=remedy
            )
        case _:
            return _wrong_value(key, place, details)


def _wrong_value(key: str, place: _Place, details: ErrorDetails) -> Problem:
    value: object = details["input"]
    kind, ctx = details["type"], details.get("ctx", {})
    problem, allowed, remedy = "wrong value", details["msg"], f"correct it{_example(place)}"
    if kind in _TYPES:
        problem, allowed, remedy = "wrong type", _TYPES[kind], _retyped(kind, value, place)
    elif kind in _BOUNDS:
        problem, allowed = "out of bounds", _BOUNDS[kind].format(**ctx)
    elif kind == "literal_error":
        allowed, remedy = _choices(place), "write one of these"
    elif kind == "string_pattern_mismatch":
        problem, allowed = "not of the right form", f"text that matches {ctx['pattern']}"
    found = "text that is not shown, as it may be a secret" if _may_be_secret(place, value) else shown(value)
    return Problem(key=key, problem=problem, found=found, allowed=allowed, remedy=remedy)


def _place(loc: tuple[int | str, ...]) -> _Place:
    path: list[str | int] = []
    sections: list[type[Section]] = [StackConfig]
    others: list[type[Section]] = []
    place = _Place(path, sections[0], None, [])
    for part in loc:
        chosen = [section for section in sections if len(sections) > 1 and _tag(section) == part]
        if chosen:
            others = [section for section in sections if section not in chosen]
            sections = chosen
            continue
        path.append(part)
        if isinstance(part, str) and sections:
            field = sections[0].model_fields.get(part)
            place = _Place(path, sections[0], field, others)
            sections, others = _sections(field.annotation) if field else [], []
    return place


def _unknown(place: _Place) -> str:
    """Return advice about a key that the section does not have."""
    key = str(place.path[-1])
    owner = next((_tag(section) for section in place.others if key in section.model_fields), None)
    return f"remove it: it is a key of kind {owner}" if owner else nearest(key, list(place.section.model_fields))


def _sections(annotation: object) -> list[type[Section]]:
    """Return every section type that this annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections(part)]


def _tag(section: type[Section]) -> str:
    return str(get_args(section.model_fields["kind"].annotation)[0])


def _tags(place: _Place) -> str:
    return ", ".join(_tag(section) for section in _sections(place.field.annotation)) if place.field else ""


def _choices(place: _Place) -> str:
    choices = get_args(place.field.annotation) if place.field else ()
    return ", ".join(str(choice) for choice in choices if isinstance(choice, str | int))


def _example(place: _Place) -> str:
    values = alternatives(place.field) if place.field else ()
    return f", for example {shown(values[0])}" if values and isinstance(values[0], str | int | float) else ""


def _retyped(kind: str, value: object, place: _Place) -> str:
    if kind == "string_type" and isinstance(value, int | float):
        return f"put it in quotes{_example(place)}"
    if kind in {"int_type", "float_type"} and isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return "remove the quotes"
    if kind in {"model_type", "dict_type"} and place.field:
        keys = ", ".join(name for section in _sections(place.field.annotation)[:1] for name in section.model_fields)
        return f"write these keys below it, indented: {keys}"
    if kind == "tuple_type":
        return "write each entry on a line of its own, after `- `"
    return f"write {_TYPES[kind]}{_example(place)}"


def _may_be_secret(place: _Place, value: object) -> bool:
    """Whether the value is where only the name of a Secret belongs, and so may be the secret itself."""
    expected = _sections(place.field.annotation) if place.field else []
    return isinstance(value, str) and any(issubclass(s, SecretKey | BasicAuth) for s in (place.section, *expected))


def _is_echo(details: ErrorDetails) -> bool:
    """Whether a list is reported as too short only because its entries, reported separately, are invalid."""
    ctx = cast("Mapping[str, Any]", details.get("ctx", {}))
    value: object = details["input"]
    return (
        details["type"] == "too_short"
        and isinstance(value, list)
        and len(cast("list[object]", value)) >= ctx["min_length"]
    )
