"""A pod that can be placed on a GPU node must request GPUs and say how much else it needs.

A GPU pod is one that requests a GPU, tolerates the GPU taint, selects GPU nodes or sets NVIDIA_VISIBLE_DEVICES, which
gives a container all GPUs of its node without requesting any. DaemonSets may tolerate the taint, as node agents do.
"""

from collections.abc import Iterator

from policies.pods import Pod, at, items, pod_rule, shown

GPU = "nvidia.com/gpu"
_NODE_LABELS = ("cloud.google.com/gke-accelerator", "nvidia.com/", "karpenter.k8s.aws/instance-gpu")
_ALL_DEVICES = "NVIDIA_VISIBLE_DEVICES"


def check(pod: Pod) -> Iterator[str]:
    """A GPU pod without limits takes the node away from the pods that were planned for it."""
    requesting = [c for c in pod.containers() if _asks(c.spec)]
    reason = _why_on_gpu_nodes(pod)
    if reason and not requesting and pod.workload != "DaemonSet":
        yield f"it {reason} but asks for no GPU; set resources.limits[{GPU!r}], or keep it off GPU nodes"
    for container in requesting:
        yield from (f"{container.label}: {problem}" for problem in _resource_problems(container.spec))


def _asks(container: object) -> bool:
    return any(at(container, "resources", part, GPU) is not None for part in ("limits", "requests"))


def _why_on_gpu_nodes(pod: Pod) -> str:
    for toleration in items(at(pod.spec, "tolerations")):
        if at(toleration, "key") in (GPU, None, ""):
            return f"tolerates the taint {GPU}"
    for label in at(pod.spec, "nodeSelector") or ():
        if label.startswith(_NODE_LABELS):
            return f"selects nodes by {label}"
    for container in pod.containers():
        if any(at(variable, "name") == _ALL_DEVICES for variable in items(at(container.spec, "env"))):
            return f"sets {_ALL_DEVICES}"
    return ""


def _resource_problems(container: object) -> Iterator[str]:
    limit, request = (shown(at(container, "resources", part, GPU)) for part in ("limits", "requests"))
    if not limit.isdigit() or limit == "0":
        yield f"resources.limits[{GPU!r}] is {limit}; write a whole number of GPUs"
    elif request not in ("missing", limit):
        yield f"resources.requests[{GPU!r}] is {request}, the limit {limit}; they must be equal"
    if at(container, "resources", "limits", "memory") is None:
        yield "resources.limits.memory is missing; write what the model server may take"
    if not any(at(container, "resources", part, "cpu") for part in ("requests", "limits")):
        yield "resources.requests.cpu is missing; write what the model server needs"


RULE = pod_rule("gpu-pods-are-bounded", "Pods on GPU nodes ask for whole GPUs, CPU and bounded memory.", check)
