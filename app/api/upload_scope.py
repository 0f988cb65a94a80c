"""Parses an upload's form fields for access groups and metadata."""

from pydantic import TypeAdapter, ValidationError

from app.api.problems import Problem
from app.rag.access import parse_groups, tags_of

WHOLE_TENANT = "*"
_METADATA = TypeAdapter(dict[str, str])


def groups_of_upload(given: str | None, caller: frozenset[str] | None) -> tuple[str, ...] | None:
    """Return the document's groups, None if none are given. Raises a Problem for groups that the caller is not in."""
    if given is None or given == WHOLE_TENANT:
        return None if given is None else ()
    try:
        groups = parse_groups(given.split(","))
    except ValueError as error:
        raise Problem(422, f"groups: {error}.") from None
    foreign = [] if caller is None else [group for group in groups if group not in caller]
    if foreign:
        raise Problem(403, f"groups: your key is not in {', '.join(foreign)}; give groups of your own, or none.")
    return groups


def tags_of_upload(metadata: str | None) -> tuple[str, ...] | None:
    """Return the tags of a JSON object, None if there is none. Raises a Problem."""
    if metadata is None:
        return None
    try:
        return tags_of(_METADATA.validate_json(metadata, strict=True))
    except ValidationError:
        raise Problem(422, 'metadata is not a JSON object of texts, such as {"year": "2024"}.') from None
    except ValueError as error:
        raise Problem(422, f"metadata: {error}.") from None
