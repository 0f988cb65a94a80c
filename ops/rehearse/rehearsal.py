"""Rehearses one stack on one API server: applies its objects, places its pods on fake nodes, and reports."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from infra.config.cluster import ExistingCluster
from infra.config.stack import StackConfig
from ops.plan.graph import RecordedStack
from ops.rehearse.allocatable import CLOUD_PODS_MIB, CLOUD_PODS_MILLICORES
from ops.rehearse.api import Api, Object
from ops.rehearse.applying import Applied, apply_stack
from ops.rehearse.charts import NAMESPACE, chart_names
from ops.rehearse.drills import Drills
from ops.rehearse.fleet import Fleet
from ops.rehearse.pools import ONE_NODE, pools_of
from ops.rehearse.report import DrillResult, NotRehearsed, PodResult, PoolResult, QuotaResult, Rehearsed
from ops.rehearse.scheduling import Scheduling, Workload

Progress = Callable[[str], None]


def rehearse(api: Api, config: StackConfig, stack: RecordedStack, *, drills: bool, progress: Progress) -> Rehearsed:
    """Apply the stack, place its pods, and run the drills if wanted. Raises NotSettled and Unreachable."""
    seconds: dict[str, float] = {}
    fleet = Fleet(api, pools_of(config.cluster))
    with _timed("apply", seconds, progress):
        fleet.start()
        applied = apply_stack(api, stack)
    scheduling = Scheduling(api, fleet, applied.namespaces, applied.provisioners)
    with _timed("place", seconds, progress):
        scheduling.wait_ready(list(fleet.nodes.values()))
        workloads = (*applied.workloads, *applied.reservations)
        pods = scheduling.settle(workloads)
    placed, pools = tuple(_placements(scheduling, workloads, pods)), tuple(_pools(fleet, pods))
    drilled: list[DrillResult] = []
    if drills:
        for phase, results in Drills(scheduling, applied.workloads).phases().items():
            with _timed(phase, seconds, progress):
                drilled += results
    return Rehearsed(
        stack=stack.name,
        kubernetes=str(api.get("/version")["gitVersion"]),
        objects=applied.results,
        custom_kinds=applied.custom_kinds,
        substitutions=applied.substitutions,
        stand_ins=applied.stand_ins,
        pods=placed,
        pools=pools,
        quotas=tuple(_quotas(api, applied.namespaces)),
        not_rehearsed=tuple(_not_rehearsed(stack, applied)),
        assumptions=(_assumption(config),),
        drills=tuple(drilled),
        seconds=seconds,
    )


@contextmanager
def _timed(phase: str, seconds: dict[str, float], progress: Progress) -> Generator[None]:
    started = perf_counter()
    yield
    seconds[phase] = round(perf_counter() - started, 1)
    progress(f"{phase}: {seconds[phase]} s")


def _placements(scheduling: Scheduling, workloads: Sequence[Workload], pods: Sequence[Object]) -> Iterator[PodResult]:
    nodes = scheduling.fleet.nodes
    for workload in workloads:
        own = [pod for pod in pods if workload.owns(pod)]
        for pod in own:
            metadata = pod["metadata"]
            node = nodes.get(pod["spec"].get("nodeName", ""))
            yield PodResult(
                workload=workload.label,
                pod=metadata["name"],
                node=node.name if node else "",
                pool=node.pool if node else "",
                zone=node.zone if node else "",
                words="" if node else scheduling.words_on(pod),
            )
        for number in range(len(own), workload.replicas):
            words = scheduling.words_of_controller(workload)
            yield PodResult(workload=workload.label, pod=f"({number + 1} of {workload.replicas})", words=words)


def _pools(fleet: Fleet, pods: Sequence[Object]) -> Iterator[PoolResult]:
    used = {pod["spec"].get("nodeName") for pod in pods}
    for pool in fleet.pools.values():
        nodes = [node for node in fleet.nodes.values() if node.pool == pool.name]
        yield PoolResult(
            pool=pool.name,
            capacity=pool.capacity,
            machine_type=pool.machine_type,
            min_nodes=pool.min_nodes,
            running=len(nodes),
            used=sum(node.name in used for node in nodes),
            max_nodes=pool.max_nodes,
        )


def _quotas(api: Api, namespaces: Sequence[str]) -> Iterator[QuotaResult]:
    for namespace in namespaces:
        for quota in api.list(f"/api/v1/namespaces/{namespace}/resourcequotas"):
            name = f"{namespace}/{quota['metadata']['name']}"
            for resource, hard in sorted(quota["status"].get("hard", {}).items()):
                used = quota["status"].get("used", {}).get(resource, "")
                yield QuotaResult(quota=name, resource=resource, used=used, hard=hard)


def _not_rehearsed(stack: RecordedStack, applied: Applied) -> Iterator[NotRehearsed]:
    reserved = {workload.name for workload in applied.reservations}
    for chart in chart_names(stack):
        room = (
            f"Deployment {NAMESPACE}/{chart} takes its room" if chart in reserved else "its values declare no requests"
        )
        yield NotRehearsed(subject=chart, reason=f"a chart, which is rendered during deployment; {room}")
    for resource in stack.resources:
        if resource.remote:
            yield NotRehearsed(subject=resource.name, reason=f"what {resource.type} makes during deployment")
    for kind in applied.custom_kinds:
        if not kind.by:
            yield NotRehearsed(subject=f"{kind.kind} ({kind.objects})", reason="; ".join(kind.not_checked))


def _assumption(config: StackConfig) -> str:
    if isinstance(config.cluster, ExistingCluster):
        room = ONE_NODE.quantities
        return (
            f"the existing cluster is one node that leaves {room['cpu']} CPU and {room['memory']} memory for our pods"
        )
    return (
        f"the cloud's own pods in kube-system are not rehearsed; {CLOUD_PODS_MILLICORES}m CPU and {CLOUD_PODS_MIB}Mi"
        " memory of each node are kept for them"
    )
