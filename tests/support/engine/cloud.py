"""What "exists" for the stand-in provider: one dictionary, and the outputs that the real clouds would compute.

Keyed by stack, so that stacks of one test run do not meet.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import cast

from ops.plan.wire import UNKNOWN
from tests.support.engine.values import Properties, put, secret

CANARY = "canary-7f3a9c-must-never-be-read"
"""The value of every secret output here. Found in plain text anywhere, it tells of a leak."""

COMPUTED: Mapping[str, Mapping[str, object]] = {
    "aws:": {"arn": "arn:aws:stand-in:us-east-1:123456789012:$"},
    "aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": 1},
    "aws:eks/cluster:Cluster": {
        "endpoint": "https://$.eks.invalid",
        "certificateAuthority": {"data": "Y2VydGlmaWNhdGU="},
        "platformVersion": "eks.1",
        "vpcConfig.clusterSecurityGroupId": "sg-$",
    },
    "aws:eks/nodeGroup:NodeGroup": {"nodeGroupName": "$", "releaseVersion": "1.50.0-1"},
    "aws:sqs/queue:Queue": {"url": "https://sqs.us-east-1.amazonaws.com/123456789012/$"},
    "gcp:container/cluster:Cluster": {
        "controlPlaneEndpointsConfig.dnsEndpointConfig.endpoint": "$.gke.invalid",
        "masterAuth": {"clientKey": secret(CANARY)},
        "masterVersion": "1.35.3-gke.1000",
    },
    "gcp:container/nodePool:NodePool": {"nodeCount": 1, "version": "1.35.3-gke.1000"},
    "gcp:serviceaccount/account:Account": {
        "email": "$@test-project.iam.gserviceaccount.com",
        "member": "serviceAccount:$@test-project.iam.gserviceaccount.com",
    },
    "kubernetes:": {"metadata.uid": "$", "metadata.resourceVersion": "1"},
    "kubernetes:core/v1:Namespace": {
        "metadata.labels.kubernetes~io/metadata~name": "ragspan",
        "status.phase": "Active",
    },
    "kubernetes:apps/v1:Deployment": {"metadata.annotations.deployment~kubernetes~io/revision": "1"},
}
"""Outputs by package or type token. `$` stands for the id, `~` in a path for a dot of a key."""


@dataclass(slots=True)
class Live:
    """One resource that exists."""

    type: str
    outputs: Properties


@dataclass(slots=True)
class Cloud:
    """Everything that exists, by stack and id."""

    live: dict[tuple[str, str], Live] = field(default_factory=dict[tuple[str, str], Live])

    def of_stack(self, stack: str) -> list[Live]:
        """What exists of one stack."""
        return [live for (owner, _), live in self.live.items() if owner == stack]


def identity(type_: str, urn: str, inputs: Properties) -> str:
    """The id of a new resource: two of one type and physical name have the same, as in the clouds."""
    metadata = inputs.get("metadata")
    named = cast("Properties", metadata) if isinstance(metadata, dict) else inputs
    names = [str(named[key]) for key in ("namespace", "name", "accountId") if key in named]
    unique = names or [sha256((urn + json.dumps(inputs, sort_keys=True)).encode()).hexdigest()[:12]]
    return "-".join([type_.rpartition(":")[2].lower(), *unique])


def with_computed(type_: str, properties: Properties, id_: str | None) -> Properties:
    """The properties with what is computed beside them: unknown before the resource exists (`id_` is None).

    Kubernetes' provider knows the object in a preview already, without what the API server adds.
    """
    outputs: Properties = json.loads(json.dumps(properties))
    if id_ is None and type_.startswith("kubernetes:"):
        return outputs
    for prefix in (type_.partition(":")[0] + ":", type_):
        for path, value in COMPUTED.get(prefix, {}).items():
            if path not in properties:  # an event target's `arn` is an input, and says whom it tells
                put(outputs, path, json.loads(json.dumps(value).replace("$", id_)) if id_ else UNKNOWN)
    return outputs
