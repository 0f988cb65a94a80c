"""The changes for which a provider replaces a resource instead of updating it: the rows of `replacement_rules.csv`.

`source` is where the provider says so (for the clouds, the Terraform provider that Pulumi's provider wraps). A rule
that holds only under a condition, e.g. when a subnet's range shrinks, is listed as if it always held.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from infra.catalog.rows import rows

_INDEX = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementRule:
    """Changing `property`, or anything inside it, replaces resources of this type token (a glob)."""

    type: str
    property: str
    source: str

    def covers(self, path: str) -> bool:
        """Whether a change at `path`, e.g. `spec.volumeClaimTemplates[0].spec`, falls under this rule."""
        changed = _INDEX.sub("", path)
        return changed == self.property or changed.startswith(f"{self.property}.")


def replacement_rule(type_: str, path: str) -> ReplacementRule | None:
    """Return the rule by which changing the input at `path` (camelCase) replaces a resource of this type, or None."""
    return next((rule for rule in rules_of(type_) if rule.covers(path)), None)


@cache
def rules_of(type_: str) -> tuple[ReplacementRule, ...]:
    """Return all rules for one type token."""
    return tuple(rule for rule in _rules() if fnmatchcase(type_, rule.type))


@cache
def _rules() -> tuple[ReplacementRule, ...]:
    found = rows("replacement_rules.csv")
    return tuple(ReplacementRule(type=row["type"], property=row["property"], source=row["source"]) for row in found)
