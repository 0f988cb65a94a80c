"""The pack as the Pulumi engine starts and asks it gives the verdicts that the offline plan gives."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, cast

import grpc
import pytest
import yaml
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

import policies
from ops.plan.graph import RecordedStack
from ops.plan.policies import check_policies
from tests.policies.workloads import GPU_RESOURCES, deployment

PACK = Path(policies.__file__).parent


class Analyser(Protocol):
    """The part of the engine's protocol that is used here, with the types that its stub lacks."""

    def GetAnalyzerInfo(self, request: Empty, timeout: float) -> analyzer_pb2.AnalyzerInfo: ...  # noqa: N802
    def Analyze(self, request: analyzer_pb2.AnalyzeRequest, timeout: float) -> analyzer_pb2.AnalyzeResponse: ...  # noqa: N802


@pytest.fixture(scope="module")
def analyser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analyser]:
    """The engine's `RunPlugin` for a Python pack: the module gets an engine's address and tells its port."""
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:0", str(PACK)]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with subprocess.Popen(command, cwd=elsewhere, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield cast("Analyser", analyzer_pb2_grpc.AnalyzerStub(channel))
        finally:
            process.kill()


def analyse(analyser: Analyser, stack: RecordedStack) -> list[tuple[str, str]]:
    resource = stack.named("server")
    request = analyzer_pb2.AnalyzeRequest(type=resource.type, name=resource.name, urn=resource.urn)
    json_format.ParseDict(dict(resource.analysed), request.properties)
    answer = analyser.Analyze(request, timeout=30)
    return [(found.policyName, found.message.partition("\n")[2]) for found in answer.diagnostics]


def test_the_pack_tells_its_rules(analyser: Analyser) -> None:
    info = analyser.GetAnalyzerInfo(Empty(), timeout=30)

    assert info.name == "ragspan"
    assert {policy.name: policy.enforcementLevel for policy in info.policies} == dict.fromkeys(
        ["images-are-pinned", "workloads-run-restricted", "gpu-pods-are-bounded"], analyzer_pb2.MANDATORY
    )


@pytest.mark.parametrize(
    "stack",
    [
        pytest.param(lambda: deployment({"resources": GPU_RESOURCES}), id="clean"),
        pytest.param(lambda: deployment({"image": "server:latest"}), id="violating"),
        pytest.param(
            lambda: deployment(
                {"image": None, "securityContext": None, "resources": {"limits": {"nvidia.com/gpu": 1}}}
            ),
            id="fields-missing",
        ),
    ],
)
def test_engine_and_plan_agree(analyser: Analyser, stack: Callable[[], RecordedStack]) -> None:
    workload = stack()
    offline = [(found.policy, found.message) for verdict in check_policies(workload) for found in verdict.violations]

    assert analyse(analyser, workload) == offline


def test_the_engine_runs_the_pack_in_the_environment_of_the_project() -> None:
    project = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())

    assert project["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": "../.venv"}}
