"""The results of a rehearsal: pure data, and its form for `--json`."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ops.rehearse.objects import Substitution

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ObjectResult:
    """The API server's verdict on one object.

    It serves no custom resources: those are `checked` (or refused) by their projects' schemas, or `unchecked`.
    """

    object: str
    outcome: Literal["accepted", "checked", "refused", "unchecked"]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class CustomKind:
    """The custom resources of one kind. `by` names the schema that they were checked with, "" if there is none."""

    kind: str
    objects: int
    by: str
    not_checked: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PodResult:
    """Where one pod was placed, or the scheduler's (or controller's) own words why it was not."""

    workload: str
    pod: str
    node: str = ""
    pool: str = ""
    zone: str = ""
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class PoolResult:
    """How many nodes of a pool run, and how many of them our pods use."""

    pool: str
    capacity: str
    machine_type: str
    min_nodes: int
    running: int
    used: int
    max_nodes: int


@dataclass(frozen=True, kw_only=True)
class QuotaResult:
    """One resource of a ResourceQuota: how much of it is used."""

    quota: str
    resource: str
    used: str
    hard: str


@dataclass(frozen=True, kw_only=True)
class NotRehearsed:
    """A part of the stack that the rehearsal did not cover, and why."""

    subject: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DrillResult:
    """The effect of one disturbance on one workload. `lowest_ready` of `replicas` pods were ready at the worst moment.

    `ready_after` were ready once everything had been done that the pools allow; `words` say what keeps the others.
    `passed` is None if the drill only informs.
    """

    drill: str
    target: str
    workload: str
    replicas: int
    lowest_ready: int
    ready_after: int
    survives: bool
    passed: bool | None = None
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """The results for one stack. `seconds` are by phase."""

    stack: str
    kubernetes: str
    objects: tuple[ObjectResult, ...]
    custom_kinds: tuple[CustomKind, ...]
    substitutions: tuple[Substitution, ...]
    stand_ins: tuple[str, ...]
    pods: tuple[PodResult, ...]
    pools: tuple[PoolResult, ...]
    quotas: tuple[QuotaResult, ...]
    not_rehearsed: tuple[NotRehearsed, ...]
    assumptions: tuple[str, ...]
    drills: tuple[DrillResult, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def refused(self) -> tuple[ObjectResult, ...]:
        return tuple(result for result in self.objects if result.outcome == "refused")

    @property
    def unplaced(self) -> tuple[PodResult, ...]:
        return tuple(pod for pod in self.pods if not pod.node)

    @property
    def failed_drills(self) -> tuple[DrillResult, ...]:
        return tuple(drill for drill in self.drills if drill.passed is False)

    def passed(self, *, strict: bool) -> bool:
        """Whether everything was accepted, placed and drilled well; if strict, also whether nothing was left out."""
        wrong = self.refused or self.unplaced or self.failed_drills
        return not wrong and not (strict and self.not_rehearsed)


def as_json(rehearsed: Iterable[Rehearsed], *, strict: bool) -> dict[str, Any]:
    """Return the rehearsals as `--json` prints them."""
    stacks = [{**asdict(one), "passed": one.passed(strict=strict)} for one in rehearsed]
    return {"schema_version": SCHEMA_VERSION, "stacks": stacks}
