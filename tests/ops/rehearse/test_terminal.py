"""The report is read on a page of 120 columns: nothing is cut off, no table runs over it, no sentence is broken."""

from io import StringIO

import pytest
from rich.console import Console

from ops.rehearse.report import (
    CustomKind,
    DrillResult,
    NotRehearsed,
    ObjectResult,
    PodResult,
    PoolResult,
    QuotaResult,
    Rehearsed,
)
from ops.rehearse.terminal import show

WORDS = (
    "0/9 nodes are available: 3 Insufficient nvidia.com/gpu, 6 node(s) had untolerated taint(s)."
    " preemption: 0/9 nodes are available: 9 Preemption is not helpful for scheduling."
)
WORKLOAD = "Deployment ragspan-rehearsal-charts/cluster-karpenter-karpenter"

WHOLE = Rehearsed(
    stack="staging-aws-eu-central-1",
    kubernetes="v1.36.4",
    objects=(
        ObjectResult(object="Service ragspan/weaviate-headless", outcome="refused", reason=".spec: not declared"),
        ObjectResult(object="NodePool l4-spot", outcome="checked"),
        ObjectResult(object="ComputeClass l4", outcome="unchecked"),
    ),
    custom_kinds=(
        CustomKind(kind="NodePool karpenter.sh/v1", objects=1, by="a package 2.0.0", not_checked=("CEL rules",)),
    ),
    substitutions=(),
    stand_ins=("Secret ragspan/ragspan-api",),
    pods=(
        PodResult(
            workload=WORKLOAD,
            pod="cluster-karpenter-karpenter-7d9c6b8f5d-x2x7k",
            node="system-on-demand-2",
            pool="system-on-demand",
            zone="eu-central-1a",
        ),
        PodResult(workload="Deployment ragspan/llm", pod="llm-7d9c6b8f5d-x2x7k", words=WORDS),
    ),
    pools=(
        PoolResult(
            pool="h100-parts-reservation",
            capacity="reservation",
            machine_type="a3-highgpu-8g-nolssd",
            min_nodes=1,
            running=2,
            used=1,
            max_nodes=16,
        ),
    ),
    quotas=(QuotaResult(quota="ragspan/ragspan-quota", resource="requests.nvidia.com/gpu", used="7", hard="8"),),
    not_rehearsed=(NotRehearsed(subject="cluster-karpenter-karpenter", reason="a chart"),),
    assumptions=("the cloud's own pods in kube-system are not rehearsed",),
    drills=(
        DrillResult(
            drill="zone lost",
            target="europe-west4-a",
            workload=WORKLOAD,
            replicas=3,
            lowest_ready=2,
            ready_after=2,
            survives=True,
            words=WORDS,
        ),
    ),
)  # fmt: skip


def printed(width: int) -> str:
    page = StringIO()
    show([WHOLE], Console(file=page, width=width), strict=False)
    return page.getvalue()


@pytest.mark.parametrize("width", [120, 80])
def test_no_table_runs_over_the_page(width: int) -> None:
    rows = [line for line in printed(width).splitlines() if line.endswith("  ")]  # a cell is padded, a sentence is not
    assert len(rows) > len(WHOLE.pods)
    assert max(map(len, rows)) <= width


@pytest.mark.parametrize(
    "whole",
    [
        "cluster-karpenter-karpenter-7d9c6b8f5d-x2x7k  system-on-demand-2",
        "h100-parts-reservation  reservation  a3-highgpu-8g-nolssd  1",
        "ragspan/ragspan-quota  requests.nvidia.com/gpu  7     8",
        "zone lost: europe-west4-a",
        "NodePool karpenter.sh/v1: 1 object held against a package 2.0.0; not checked: CEL rules",
        "1 of 3 objects accepted, 1 not checked, 1 of 2 pods placed",
        f"zone lost: europe-west4-a, {WORKLOAD}: {WORDS}",
    ],
)
def test_every_name_and_number_stands_whole_in_its_line(whole: str) -> None:
    assert whole in printed(120)


def test_the_schedulers_words_are_not_cut_off() -> None:
    assert all(word in printed(120) for word in WORDS.split())
