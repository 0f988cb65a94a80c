"""Resource options as the engine receives them."""

from collections.abc import Mapping
from typing import Any

_AS_SENT = (
    "additionalSecretOutputs",
    "aliases",
    "customTimeouts",
    "deletedWith",
    "hideDiffs",
    "id",
    "ignoreChanges",
    "protect",
    "replaceOnChanges",
    "retainOnDelete",
    "version",
)


def options_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are set, by the engine's names, of a RegisterResourceRequest or ReadResourceRequest as JSON.

    Parent, provider and dependencies are told elsewhere.
    """
    options = {key: request[key] for key in _AS_SENT if request.get(key)}
    if request.get("importId"):
        options["import"] = request["importId"]
    if request.get("deleteBeforeReplaceDefined"):
        options["deleteBeforeReplace"] = request.get("deleteBeforeReplace", False)
    if request.get("replaceWith"):
        options["replaceWith"] = sorted(request["replaceWith"])
    dependencies = {key: sorted(deps["urns"]) for key, deps in request.get("propertyDependencies", {}).items() if deps}
    if dependencies:
        options["propertyDependencies"] = dict(sorted(dependencies.items()))
    if request.get("providers"):
        options["providers"] = {key: urn_of(reference) for key, reference in sorted(request["providers"].items())}
    return options


def urn_of(provider_reference: str) -> str:
    """The URN in `<urn>::<id>`, as resources name their provider."""
    return provider_reference.rpartition("::")[0]
