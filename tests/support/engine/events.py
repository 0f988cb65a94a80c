"""What the engine did, from the events that it writes while it runs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_UNCHANGED = {"same", "read", "refresh"}
_REPLACING = {"replace", "create-replacement", "delete-replaced"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that the engine did, or would do, to a resource."""

    op: str
    urn: str
    type: str
    new: dict[str, Any]
    changed: tuple[str, ...]
    """Paths of the inputs that differ, where the provider said so."""

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What a policy pack said of a resource."""

    policy: str
    level: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRun:
    """One command: its exit code, what it printed, and its events."""

    exit_code: int
    said: str
    events: list[dict[str, Any]]

    @property
    def steps(self) -> list[Step]:
        """Every step, unchanged resources included."""
        found = [event["resourcePreEvent"]["metadata"] for event in self.events if "resourcePreEvent" in event]
        return [
            Step(
                op=step["op"],
                urn=step["urn"],
                type=step["type"],
                new=step["new"] or {},
                changed=tuple(sorted(step["detailedDiff"] or ())),
            )
            for step in found
        ]

    @property
    def changes(self) -> list[Step]:
        """The steps that change something."""
        return [step for step in self.steps if step.op not in _UNCHANGED]

    @property
    def replacements(self) -> list[Step]:
        """The steps that replace a resource by another."""
        return [step for step in self.steps if step.op in _REPLACING]

    @property
    def errors(self) -> str:
        """What it said was wrong, in its own words."""
        return "\n".join(self._said("error")) or self.said

    @property
    def violations(self) -> list[Violation]:
        """What policies found."""
        found = [event["policyEvent"] for event in self.events if "policyEvent" in event]
        return [
            Violation(policy=item["policyName"], level=item["enforcementLevel"], message=item["message"])
            for item in found
        ]

    def succeeded(self) -> "EngineRun":
        """Itself; fails the test where the command failed."""
        assert self.exit_code == 0, self.said
        return self

    def _said(self, severity: str) -> Iterator[str]:
        for event in self.events:
            diagnostic = event.get("diagnosticEvent", {})
            if diagnostic.get("severity") == severity:
                yield diagnostic["message"]


def read_events(log: Path) -> list[dict[str, Any]]:
    """The events of one command; none where it ended before the engine ran."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
