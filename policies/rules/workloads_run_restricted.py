"""Pods must meet the Pod Security Standard `restricted`, and have a read-only root file system.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ for Linux pods. Its AppArmor, SELinux and sysctl
controls are left to the namespace's admission: no workload here sets those fields.
"""

from collections.abc import Iterator

from policies.pods import Container, Pod, at, items, pod_rule, shown

_HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SECCOMP_PROFILES = ("RuntimeDefault", "Localhost")


def check(pod: Pod) -> Iterator[str]:
    """A missing field counts as its unsafe default."""
    for key in _HOST_NAMESPACES:
        if at(pod.spec, key):
            yield f"{key} is true; remove it"
    for volume in items(at(pod.spec, "volumes")):
        for kind in sorted(key for key in volume if key != "name" and key not in _VOLUMES):
            yield f"volume {at(volume, 'name')} is of type {kind}; allowed: {', '.join(sorted(_VOLUMES))}"
    for container in pod.containers():
        yield from (f"{container.label}: {problem}" for problem in _container_problems(pod, container))


def _container_problems(pod: Pod, container: Container) -> Iterator[str]:
    own = at(container.spec, "securityContext")
    yield from _must_be(own, "allowPrivilegeEscalation", allowed=False)
    yield from _must_be(own, "readOnlyRootFilesystem", allowed=True)
    yield from _capability_problems(own)
    if at(own, "privileged"):
        yield "securityContext.privileged is true; remove it"
    if at(own, "procMount") not in (None, "Default"):
        yield f"securityContext.procMount is {at(own, 'procMount')}; remove it"
    yield from _identity_problems(pod, own)
    for port in items(at(container.spec, "ports")):
        if at(port, "hostPort"):
            yield f"hostPort {shown(at(port, 'hostPort'))} is taken on the node; use a Service"


def _identity_problems(pod: Pod, own: object) -> Iterator[str]:
    shared = at(pod.spec, "securityContext")
    effective = own if at(own, "runAsNonRoot") is not None else shared
    yield from _must_be(effective, "runAsNonRoot", allowed=True)
    user = at(own, "runAsUser") if at(own, "runAsUser") is not None else at(shared, "runAsUser")
    if user == 0:
        yield "securityContext.runAsUser is 0, which is root; write another user id"
    profile = at(own, "seccompProfile", "type") or at(shared, "seccompProfile", "type")
    if profile not in _SECCOMP_PROFILES:
        yield f"securityContext.seccompProfile.type is {shown(profile)}; allowed: {', '.join(_SECCOMP_PROFILES)}"


def _capability_problems(own: object) -> Iterator[str]:
    if "ALL" not in items(at(own, "capabilities", "drop")):
        yield "securityContext.capabilities.drop lacks ALL; write drop: [ALL]"
    added = [name for name in items(at(own, "capabilities", "add")) if name != "NET_BIND_SERVICE"]
    if added:
        yield f"securityContext.capabilities.add holds {', '.join(added)}; allowed: NET_BIND_SERVICE"


def _must_be(context: object, key: str, *, allowed: bool) -> Iterator[str]:
    found = at(context, key)
    if found is not allowed:
        yield f"securityContext.{key} is {shown(found)}; write {shown(allowed)}"


RULE = pod_rule(
    "workloads-run-restricted",
    "Pods run under the Pod Security Standard `restricted` with a read-only root file system.",
    check,
)
