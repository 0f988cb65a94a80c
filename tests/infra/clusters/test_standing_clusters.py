"""What a plan cannot show: the kubeconfig, once the cluster has answered."""

import asyncio
import contextvars
import json
from collections.abc import Callable
from typing import Any, NoReturn, cast

import pulumi

from tests.infra.clusters import test_eks, test_gke

ANSWERS: dict[str, dict[str, Any]] = {
    "gcp:container/cluster:Cluster": {
        "controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"endpoint": "gke-1.europe-west4.gke.goog"}}
    },
    "aws:eks/cluster:Cluster": {"endpoint": "https://1.eks.amazonaws.com", "certificateAuthority": {"data": "Q0E="}},
}


class Standing(pulumi.runtime.Mocks):
    """A cloud that has made what it was asked for."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        inputs = cast("dict[str, Any]", args.inputs)  # pyright: ignore[reportUnknownMemberType] - the SDK's is a bare dict
        return f"{args.name}-id", {**inputs, **ANSWERS.get(args.typ, {})}

    def call(self, args: pulumi.runtime.MockCallArgs) -> NoReturn:
        raise AssertionError(f"a cluster looks nothing up, and called {args.token}")


class InlineLoop(asyncio.SelectorEventLoop):
    """Without threads, in which the SDK would open event loops and leave them open."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        answer = self.create_future()
        answer.set_result(func(*args))
        return answer


def kubeconfig_of(build: Callable[[], Any]) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        pulumi.runtime.set_mocks(Standing(), preview=False)
        return json.loads(await build().kubeconfig.future())

    with asyncio.Runner(loop_factory=InlineLoop) as runner:
        return runner.run(run(), context=contextvars.copy_context())


def test_gke_is_reached_by_its_dns_name_with_googles_plugin():
    config = kubeconfig_of(test_gke.build)
    assert config["clusters"][0]["cluster"] == {"server": "https://gke-1.europe-west4.gke.goog"}
    assert config["users"][0]["user"]["exec"]["command"] == "gke-gcloud-auth-plugin"


def test_eks_is_reached_by_its_endpoint_with_the_aws_command():
    config = kubeconfig_of(test_eks.build)
    assert config["clusters"][0]["cluster"] == {
        "server": "https://1.eks.amazonaws.com",
        "certificate-authority-data": "Q0E=",
    }
    arguments = config["users"][0]["user"]["exec"]["args"]
    assert arguments == [
        "--region",
        "us-east-1",
        "eks",
        "get-token",
        "--cluster-name",
        "ragspan-prod",
        "--output",
        "json",
    ]
