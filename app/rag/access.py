"""Access groups and metadata filters: one set of rules for the API, for API keys and for every vector store.

Metadata is a set of tags, each written `key=value`. A document without groups is open to its whole tenant.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from app.ports import Scope

MAX_GROUPS = 50
MAX_TAGS = 20
MAX_VALUE_CHARS = 200
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""A group's name or a metadata key. It contains no character that separates entries, keys or values anywhere."""


def parse_groups(names: Iterable[str]) -> tuple[str, ...]:
    """Return the groups sorted and without duplicates. Raises ValueError."""
    groups = tuple(sorted({name.strip() for name in names} - {""}))
    for group in groups:
        if not NAME.fullmatch(group):
            raise ValueError(
                f"the group {group[:80]!r} is not allowed; use up to 64 letters, digits, '.', '-' and '_', "
                "and begin with a letter or digit"
            )
    if len(groups) > MAX_GROUPS:
        raise ValueError(f"there are {len(groups)} groups; at most {MAX_GROUPS} are allowed")
    return groups


def tags_of(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return metadata as sorted tags. Raises ValueError."""
    if len(metadata) > MAX_TAGS:
        raise ValueError(f"there are {len(metadata)} keys; at most {MAX_TAGS} are allowed")
    return tuple(sorted(_tag(key, value) for key, value in metadata.items()))


def metadata_of(tags: Iterable[str]) -> dict[str, str]:
    """Return tags as metadata."""
    return dict(_split(tag) for tag in tags)


def wanted_tags(wanted: Mapping[str, str | Sequence[str]]) -> tuple[frozenset[str], ...]:
    """Return a filter as sets of tags; a matching document has at least one tag of each set. Raises ValueError."""
    if len(wanted) > MAX_TAGS:
        raise ValueError(f"there are {len(wanted)} keys; at most {MAX_TAGS} are allowed")
    sets: list[frozenset[str]] = []
    for key, value in sorted(wanted.items()):
        values = [value] if isinstance(value, str) else value
        if not 1 <= len(values) <= MAX_TAGS:
            raise ValueError(f"{key[:80]} has {len(values)} values; give 1 to {MAX_TAGS}")
        sets.append(frozenset(_tag(key, value) for value in values))
    return tuple(sets)


def may_read(scope: Scope, groups: Iterable[str]) -> bool:
    """Whether the reader may see, replace and delete a document of these groups."""
    of_document = frozenset(groups)
    return scope.groups is None or not of_document or not of_document.isdisjoint(scope.groups)


def _tag(key: str, value: str) -> str:
    if not NAME.fullmatch(key):
        raise ValueError(
            f"the key {key[:80]!r} is not allowed; use up to 64 letters, digits, '.', '-' and '_', "
            "and begin with a letter or digit"
        )
    if not 1 <= len(value) <= MAX_VALUE_CHARS or not value.isprintable():
        raise ValueError(f"the value of {key} is not 1 to {MAX_VALUE_CHARS} printable characters; shorten it")
    return f"{key}={value}"


def _split(tag: str) -> tuple[str, str]:
    key, _, value = tag.partition("=")
    return key, value
