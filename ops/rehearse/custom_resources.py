"""Validates custom resources, with Node.js, against the schemas that their projects publish."""

import json
import os
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.rehearse.api import Object
from ops.rehearse.objects import Substitution
from ops.rehearse.report import CustomKind, ObjectResult

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ragspan" / "custom-resources"
"""The folder that `make parts` installs the packages of `package-lock.json` into."""

_SCHEMAS = Path(__file__).with_name("schemas")
_LOCK = "package-lock.json"
_TIMEOUT_S = 120
_NEVER_CHECKED = ("CEL rules", "defaults", "what its controller makes of it")


class NotChecked(Exception):
    """Something needed to check custom resources is missing; the text says how to get it."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem with a field of a custom resource, at a path like `spec.budgets.0.nodes`; "" is the whole object."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'the object'} {self.message}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result for one object. `by` names the schema used, "" if nobody publishes one for its kind.

    `limits` are things that this schema does not check, besides what no schema does.
    """

    by: str
    limits: tuple[str, ...]
    problems: tuple[Problem, ...]


def judge(
    bodies: Mapping[str, Object], substitutions: Collection[Substitution]
) -> tuple[list[ObjectResult], tuple[CustomKind, ...]]:
    """Return one result for each object, by its label, and a summary of each kind.

    Problems with fields that were replaced by stand-ins are ignored.
    """
    stood_in = {(one.object, one.field) for one in substitutions}
    missing = "no schema of this kind is known here"
    try:
        findings = check(list(bodies.values()))
    except NotChecked as error:
        findings, missing = [Finding(by="", limits=(), problems=())] * len(bodies), str(error)
    results: list[ObjectResult] = []
    kinds: dict[str, list[Finding]] = {}
    for (label, body), finding in zip(bodies.items(), findings, strict=True):
        problems = [str(one) for one in finding.problems if (label, one.path) not in stood_in]
        outcome = ("refused" if problems else "checked") if finding.by else "unchecked"
        results.append(ObjectResult(object=label, outcome=outcome, reason="; ".join(problems)))
        kinds.setdefault(f"{body['kind']} {body['apiVersion']}", []).append(finding)
    return results, tuple(_kind(kind, found, missing) for kind, found in kinds.items())


def _kind(kind: str, findings: Sequence[Finding], missing: str) -> CustomKind:
    by, limits = findings[0].by, findings[0].limits
    unchecked = (*limits, *_NEVER_CHECKED) if by else (f"custom resources not checked: {missing}",)
    return CustomKind(kind=kind, objects=len(findings), by=by, not_checked=unchecked)


def check(bodies: Sequence[Object]) -> list[Finding]:
    """Return one finding for each object. Raises NotChecked."""
    node = shutil.which("node")
    if node is None:
        raise NotChecked("Node.js is not on PATH; install it and npm, then run `make parts`")
    if not _is_installed():
        raise NotChecked(
            f"their schemas are not in {CACHE}, or older ones; run `make parts`, which installs them by npm"
        )
    script = (_SCHEMAS / "check.mjs").read_text(encoding="utf-8")
    try:
        answer = subprocess.run(  # noqa: S603 - our own script
            [node, "--input-type=module", "--eval", script, str(_SCHEMAS)],
            input=json.dumps(bodies),
            cwd=CACHE,
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT_S,
        ).stdout
    except subprocess.TimeoutExpired:
        raise NotChecked(f"Node.js did not end within {_TIMEOUT_S} s") from None
    except subprocess.CalledProcessError as failed:
        raise NotChecked(f"Node.js failed: {failed.stderr.strip()[-500:]}") from None
    return [
        Finding(
            by=one["by"],
            limits=tuple(one["limits"]),
            problems=tuple(Problem(path=found["path"], message=found["message"]) for found in one["problems"]),
        )
        for one in json.loads(answer)
    ]


def _is_installed() -> bool:
    """Whether the cache matches the lock file, which `make parts` copies there last."""
    try:
        return (CACHE / _LOCK).read_bytes() == (_SCHEMAS / _LOCK).read_bytes()
    except FileNotFoundError:
        return False
