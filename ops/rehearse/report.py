"""What a rehearsal found out about a stack: pure data, and how `--json` spells it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ops.rehearse.objects import Substitution

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ObjectResult:
    """What the API server said of one object.

    It serves no custom resource: those are `checked` (or refused) by their projects' schemas, or `unchecked`.
    """

    object: str
    outcome: Literal["accepted", "checked", "refused", "unchecked"]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class CustomKind:
    """The custom resources of one kind. `by` is the schema that they were held against, "" where there is none."""

    kind: str
    objects: int
    by: str
    not_checked: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PodResult:
    """Where one pod stands, or in the scheduler's (or controller's) own words why it does not."""

    workload: str
    pod: str
    node: str = ""
    pool: str = ""
    zone: str = ""
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class PoolResult:
    """How many nodes of a pool run, and how many of them our pods need."""

    pool: str
    capacity: str
    machine_type: str
    min_nodes: int
    running: int
    used: int
    max_nodes: int


@dataclass(frozen=True, kw_only=True)
class QuotaResult:
    """One resource of a ResourceQuota: what is used of how much."""

    quota: str
    resource: str
    used: str
    hard: str


@dataclass(frozen=True, kw_only=True)
class NotRehearsed:
    """Something that belongs to the stack and that this rehearsal says nothing of, and why."""

    subject: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DrillResult:
    """One disturbance and one workload. `lowest_ready` of `replicas` pods answered at the worst moment.

    `ready_after` of them did once all was done that the pools allow; `words` say what keeps the others. `passed` is
    None where the drill only tells.
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
    """One stack's rehearsal. `seconds` are by phase."""

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
        """Whether all was accepted, placed and drilled well; if strict, also whether nothing was left out."""
        wrong = self.refused or self.unplaced or self.failed_drills
        return not wrong and not (strict and self.not_rehearsed)


def as_json(rehearsed: Iterable[Rehearsed], *, strict: bool) -> dict[str, Any]:
    """The rehearsals as `--json` prints them."""
    stacks = [{**asdict(one), "passed": one.passed(strict=strict)} for one in rehearsed]
    return {"schema_version": SCHEMA_VERSION, "stacks": stacks}
