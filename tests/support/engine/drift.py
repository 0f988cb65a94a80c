"""What changes in a running stack without anyone having changed the stack: autoscalers, auto-upgrades, controllers.

Each row says who does it and where that is written. Replicas are not among them: no autoscaler of pods is rendered yet.
"""

from dataclasses import dataclass

from tests.support.engine.cloud import Cloud
from tests.support.engine.values import put

_GKE = "https://docs.cloud.google.com/kubernetes-engine/docs"
_NODE_POOL = "https://www.pulumi.com/registry/packages/gcp/api-docs/container/nodepool/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Outputs of every resource of one type that change by themselves."""

    type: str
    by: str
    source: str
    values: dict[str, object]


KNOWN = (
    Drift(
        type="gcp:container/nodePool:NodePool",
        by="the cluster autoscaler; GKE's API then also reports another initial count",
        source=_NODE_POOL,
        values={"nodeCount": 4, "initialNodeCount": 4},
    ),
    Drift(
        type="gcp:container/nodePool:NodePool",
        by="auto-upgrade by the release channel",
        source=f"{_GKE}/concepts/release-channels",
        values={"version": "1.36.1-gke.2000"},
    ),
    Drift(
        type="gcp:container/nodePool:NodePool",
        by="GKE, which taints GPU nodes; the provider shows all taints apart from ours",
        source=f"{_GKE}/how-to/gpus",
        values={"nodeConfig.effectiveTaints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]},
    ),
    Drift(
        type="gcp:container/cluster:Cluster",
        by="auto-upgrade of the control plane by the release channel",
        source=f"{_GKE}/concepts/release-channels",
        values={"masterVersion": "1.36.1-gke.2000", "nodeVersion": "1.36.1-gke.2000"},
    ),
    Drift(
        type="gcp:container/cluster:Cluster",
        by="removal of the default pool: the API then shows the first pool's config and no first nodes",
        source="https://www.pulumi.com/registry/packages/gcp/api-docs/container/cluster/",
        values={"nodeConfig": {"machineType": "n2-standard-8", "serviceAccount": "default"}, "initialNodeCount": 0},
    ),
    Drift(
        type="aws:eks/nodeGroup:NodeGroup",
        by="EKS, where a node group was updated outside the stack; its size is ours alone",
        source="https://www.pulumi.com/registry/packages/aws/api-docs/eks/nodegroup/",
        values={"releaseVersion": "1.51.0-2"},
    ),
    Drift(
        type="aws:eks/cluster:Cluster",
        by="EKS, which updates platforms by itself",
        source="https://docs.aws.amazon.com/eks/latest/userguide/platform-versions.html",
        values={"platformVersion": "eks.7"},
    ),
    Drift(
        type="kubernetes:apps/v1:Deployment",
        by="the deployment controller",
        source="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/",
        values={"metadata.annotations.deployment~kubernetes~io/revision": "7", "status.readyReplicas": 3},
    ),
    Drift(
        type="kubernetes:apps/v1:StatefulSet",
        by="the API server, which fills in defaults of volume claims",
        source="https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/",
        values={"spec.volumeClaimTemplates.0.status": {"phase": "Pending"}, "spec.revisionHistoryLimit": 10},
    ),
    Drift(
        type="kubernetes:core/v1:Service",
        by="the API server, which allots addresses",
        source="https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/",
        values={"spec.clusterIPs": ["10.0.16.9"], "spec.sessionAffinity": "None"},
    ),
)


def drift(cloud: Cloud, stack: str) -> set[str]:
    """Let a stack's resources drift in every known way; gives the types that did."""
    drifted: set[str] = set()
    for live in cloud.of_stack(stack):
        for row in KNOWN:
            if row.type == live.type:
                for path, value in row.values.items():
                    put(live.outputs, path, value)
                drifted.add(live.type)
    return drifted
