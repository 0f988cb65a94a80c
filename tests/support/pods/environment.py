"""The variables of a container: made as a kubelet makes them, and judged apart from that against what was rendered."""

from collections.abc import Mapping
from typing import Any

from tests.support.pods.images import Image
from tests.support.pods.objects import NotUnderstood, Pod

Secrets = Mapping[str, Mapping[str, str]]
"""Values by the name of a Secret and the key in it."""


def environment(pod: Pod, image: Image, secrets: Secrets) -> dict[str, str]:
    """Return what the image sets, what a container runtime adds, and what was rendered, each over the one before."""
    rendered = {entry["name"]: _value(entry, pod, secrets) for entry in pod.container.get("env", [])}
    return {**image.environment, "HOSTNAME": pod.name, **rendered}


def _value(entry: Mapping[str, Any], pod: Pod, secrets: Secrets) -> str:
    if "value" in entry:
        return entry["value"]
    source = entry["valueFrom"]
    if secret := source.get("secretKeyRef"):
        return secrets[secret["name"]][secret["key"]]
    if source == {"fieldRef": {"fieldPath": "metadata.name"}}:
        return pod.name
    raise NotUnderstood(f"{pod.name}: the variable {entry['name']} comes from {source}, which the runner cannot give.")


def departures(pod: Pod, image: Image, secrets: Secrets, seen: Mapping[str, str]) -> list[str]:
    """Return a sentence for each variable that a process lacks, has besides, or has otherwise than rendered."""
    found: list[str] = []
    left = dict(seen)
    for entry in pod.container.get("env", []):
        name, value = entry["name"], left.pop(entry["name"], None)
        if value is None:
            found.append(f"{name} was rendered and is missing")
        elif value not in _allowed(entry, pod, secrets):
            found.append(f"{name} differs from what was rendered")
    beside = {**image.environment, "HOSTNAME": pod.name}
    found += [f"{name} was not rendered and stands in no table" for name in left if left[name] != beside.get(name)]
    return found


def _allowed(entry: Mapping[str, Any], pod: Pod, secrets: Secrets) -> list[str]:
    match entry:
        case {"value": value}:
            return [value]
        case {"valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}:
            return [secrets[secret][key]]
        case _:
            return [pod.name]
