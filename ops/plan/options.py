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
    """Return the options that are set, under the engine's names, of a register or read request as JSON.

    Parent, provider and dependencies are recorded elsewhere.
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
    """Return the URN of a provider reference, which has the form `<urn>::<id>`."""
    return provider_reference.rpartition("::")[0]
