"""Custom resources are held against their projects' own schemas; what is wrong is named by its path."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.rehearse.custom_resources import Finding, check, judge
from ops.rehearse.objects import Substitution, applicable
from tests.support.stacks import NAMES, planned

NEEDED = pytest.mark.needs("custom-resources")
OF_KUBERNETES = {
    "v1", "apps/v1", "autoscaling/v2", "batch/v1", "networking.k8s.io/v1", "policy/v1", "rbac.authorization.k8s.io/v1",
    "scheduling.k8s.io/v1", "storage.k8s.io/v1",
}  # fmt: skip


def customs(stack: str) -> list[dict[str, Any]]:
    bodies = [applicable(manifest)[0] for manifest in planned(stack).manifests()]
    return [body for body in bodies if body["apiVersion"] not in OF_KUBERNETES]


def custom(stack: str, kind: str) -> dict[str, Any]:
    return copy.deepcopy(next(body for body in customs(stack) if body["kind"] == kind))


@NEEDED
def test_every_custom_resource_of_every_stack_fits_a_schema() -> None:
    bodies = [body for name in NAMES for body in customs(name)]
    assert {"NodePool", "EC2NodeClass", "ComputeClass", "VolumeSnapshotClass"} <= {body["kind"] for body in bodies}
    found = [(body["kind"], finding) for body, finding in zip(bodies, check(bodies), strict=True)]
    assert [(kind, finding) for kind, finding in found if finding.problems or not finding.by] == []


Change = Callable[[dict[str, Any]], object]
AT_ONCE = {"consolidationDelayMinutes": 0}
RESERVED = {"affinity": "Specific", "specific": [{"name": "mine", "projct": "p"}]}
CASES: dict[str, tuple[str, str, Change, str, str]] = {
    "a misspelt field": (
        "prod-aws-us-east-1", "NodePool", lambda spec: spec["disruption"].update(consolidateAftr="1m"),
        "spec.disruption.consolidateAftr", "unknown field (allowed: budgets, consolidateAfter, consolidationPolicy)",
    ),
    "a misspelt field in a list": (
        "prod-aws-us-east-1", "EC2NodeClass", lambda spec: spec["blockDeviceMappings"][1]["ebs"].update(size="4Gi"),
        "spec.blockDeviceMappings.1.ebs.size", "is an unknown field",
    ),
    "a wrong enum": (
        "prod-aws-us-east-1", "NodePool", lambda spec: spec["disruption"].update(consolidationPolicy="Never"),
        "spec.disruption.consolidationPolicy", "must be one of WhenEmpty, WhenEmptyOrUnderutilized",
    ),
    "a wrong pattern": (
        "prod-aws-us-east-1", "NodePool", lambda spec: spec["disruption"].update(budgets=[{"nodes": "one"}]),
        "spec.disruption.budgets.0.nodes", "must match pattern",
    ),
    "a number out of range": (
        "prod-gcp-us-central1", "ComputeClass", lambda spec: spec.update(autoscalingPolicy=AT_ONCE),
        "spec.autoscalingPolicy.consolidationDelayMinutes", "must be >= 1",
    ),
    "a missing field": (
        "prod-gcp-us-central1", "ComputeClass", lambda spec: spec.pop("whenUnsatisfiable"),
        "spec", "must have required property whenUnsatisfiable",
    ),
    "a wrong type": (
        "prod-aws-us-east-1", "NodePool", lambda spec: spec.update(weight="100"),
        "spec.weight", "must be integer",
    ),
    "a misspelt field that only our supplement knows": (
        "prod-gcp-us-central1", "ComputeClass", lambda spec: spec["priorities"][0].update(reservations=RESERVED),
        "spec.priorities.0.reservations.specific.0.projct", "unknown field (allowed: name, project, reservationBlock)",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def findings() -> dict[str, Finding]:
    bodies: list[dict[str, Any]] = []
    for stack, kind, change, _, _ in CASES.values():
        bodies.append(custom(stack, kind))
        change(bodies[-1]["spec"])
    return dict(zip(CASES, check(bodies), strict=True))


@NEEDED
@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_named_by_its_path(case: str, findings: dict[str, Finding]) -> None:
    _, _, _, path, words = CASES[case]
    (problem,) = findings[case].problems
    assert (problem.path, words in problem.message) == (path, True), problem


def snapshots(**changes: object) -> dict[str, Any]:
    return {**custom("dev-gcp-europe-west4", "VolumeSnapshotClass"), **changes}


@NEEDED
def test_a_kind_without_a_package_is_held_against_a_declaration_of_ours() -> None:
    without = {key: value for key, value in snapshots().items() if key not in {"driver", "deletionPolicy"}}
    wrong, missing, unknown = check([
        snapshots(deletionPolicy="Keep"), without, {**snapshots(), "apiVersion": "snapshot.storage.k8s.io/v9"}
    ])  # fmt: skip
    assert [str(one) for one in wrong.problems] == ['deletionPolicy is "Keep" (allowed: "Delete" | "Retain")']
    assert [str(one) for one in missing.problems] == ["the object misses deletionPolicy, driver"]
    assert (wrong.limits, unknown.by, unknown.problems) == (("patterns and ranges",), "", ())


@NEEDED
def test_what_had_to_be_stood_in_for_is_not_to_blame() -> None:
    bodies = {f"VolumeSnapshotClass {name}": snapshots(deletionPolicy="rehearsal") for name in ("computed", "written")}
    stood_in = Substitution(object="VolumeSnapshotClass computed", field="deletionPolicy", found="<computed>")
    outcomes = {one.object: one.outcome for one in judge(bodies, [stood_in])[0]}
    assert outcomes == {"VolumeSnapshotClass computed": "checked", "VolumeSnapshotClass written": "refused"}


def test_without_node_nothing_is_passed_off_as_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (result,), (kind,) = judge({"VolumeSnapshotClass ragspan-snapshots": snapshots()}, [])
    assert (result.outcome, kind.by) == ("unchecked", "")
    assert kind.not_checked == (
        "custom resources not checked: Node.js is not on PATH; install it and npm, then run `make parts`",
    )


def test_schemas_of_another_version_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "node").touch(0o755)
    (tmp_path / "package-lock.json").write_text("{}")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("ops.rehearse.custom_resources.CACHE", tmp_path)
    _, (kind,) = judge({"VolumeSnapshotClass ragspan-snapshots": snapshots()}, [])
    assert "or older ones; run `make parts`" in kind.not_checked[0]
