"""Container images must name one build: by digest, or by a full version that its publisher does not move."""

import re
from collections.abc import Iterator

from policies.pods import Pod, at, pod_rule

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_FULL_VERSION = re.compile(r":[^/:@]*?[0-9]+\.[0-9]+\.[0-9]+[^/:@]*$")
_ALLOWED = "repository@sha256:<64 hex digits>, or repository:<major.minor.patch>"


def check(pod: Pod) -> Iterator[str]:
    """A tag such as `latest`, `v1` or `1.39` moves, and then the replicas of a workload differ."""
    for container in pod.containers():
        image = at(container.spec, "image")
        if not image:
            yield f"{container.label}: image is missing; allowed: {_ALLOWED}"
        elif not (_DIGEST.search(image) or _FULL_VERSION.search(image)):
            yield f"{container.label}: image {image!r} is not pinned; allowed: {_ALLOWED}"


RULE = pod_rule("images-are-pinned", "Container images are pinned by digest or full version.", check)
