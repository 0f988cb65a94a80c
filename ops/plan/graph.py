"""The resources that a recorded program would register: pure data, without Pulumi."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

SECRET = "<secret>"  # noqa: S105 - stands where a secret's value would
COMPUTED = "<computed>"

_KUBERNETES = "kubernetes:"
_NOT_OBJECTS = ("kubernetes:helm.sh/", "kubernetes:yaml", "kubernetes:kustomize")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registered resource, with property names in the provider's camelCase.

    Secrets are shown as `<secret>`, and values that only the cloud knows as `<computed>`. `options` contains the
    options that are set, under the engine's names (`protect`, `ignoreChanges`, `propertyDependencies`, ...). `outputs`
    is None until a component calls `register_outputs`.
    """

    type: str
    name: str
    urn: str
    parent: str | None
    provider: str | None
    dependencies: tuple[str, ...]
    options: Mapping[str, Any]
    inputs: Mapping[str, Any]
    custom: bool
    remote: bool = False
    outputs: Mapping[str, Any] | None = None
    analysed: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)
    """The inputs as the engine passes them to a policy pack, WITH secret values. For policies alone; never shown."""

    @property
    def is_manifest(self) -> bool:
        """Whether it is a single Kubernetes object, not a chart, a file of objects or a provider."""
        return self.custom and self.type.startswith(_KUBERNETES) and not self.type.startswith(_NOT_OBJECTS)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One Kubernetes object as it would be sent to the API server; `namespace` is empty if none is set."""

    urn: str
    kind: str
    namespace: str
    name: str
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RecordedStack:
    """The record of one program run: its resources sorted by URN, its exports, and what it logged."""

    name: str
    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    lookups: tuple[str, ...] = ()
    """Tokens of the provider functions that it called; their results are `<computed>` offline."""

    def of_type(self, type_: str) -> tuple[Resource, ...]:
        """Return its resources of one type token."""
        return tuple(resource for resource in self.resources if resource.type == type_)

    def named(self, name: str, type_: str = "") -> Resource:
        """Return its only resource with this logical name (and type, if the name is not unique). Raises LookupError."""
        found = [r for r in self.resources if r.name == name and type_ in ("", r.type)]
        if len(found) != 1:
            kinds = ", ".join(r.type for r in found) or "none; it has " + ", ".join(
                sorted({r.name for r in self.resources})
            )
            raise LookupError(f"{len(found)} resources are named {name!r}: {kinds}")
        return found[0]

    def manifests(self) -> tuple[Manifest, ...]:
        """Return its Kubernetes objects, sorted by kind, namespace and name."""
        found = [_manifest(resource) for resource in self.resources if resource.is_manifest]
        return tuple(sorted(found, key=lambda m: (m.kind, m.namespace, m.name, m.urn)))


def _manifest(resource: Resource) -> Manifest:
    metadata: Any = resource.inputs.get("metadata")
    known = cast("Mapping[str, Any]", metadata if isinstance(metadata, Mapping) else {})
    return Manifest(
        urn=resource.urn,
        kind=str(resource.inputs.get("kind") or resource.type.rpartition(":")[2]),
        namespace=str(known.get("namespace") or ""),
        name=str(known.get("name") or resource.name),
        body=resource.inputs,
    )
