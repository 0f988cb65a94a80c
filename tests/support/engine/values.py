"""Property values as the engine sends them to a provider: dotted paths, secrets and unknowns among plain data."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from ops.plan.wire import SIGNATURE_KEY, UNKNOWN

SECRET_MARK = "1b47061264138c4ac30d75fd1eb44270"

Properties = dict[str, Any]


def plain(message: Struct) -> Properties:
    """The properties as data; secrets and unknowns keep their marks."""
    return MessageToDict(message)


def struct(properties: Mapping[str, Any]) -> Struct:
    """The data as the engine takes it."""
    message = Struct()
    message.update(properties)
    return message


def secret(value: object) -> dict[str, Any]:
    """The value, marked as a secret."""
    return {SIGNATURE_KEY: SECRET_MARK, "value": value}


def opened(value: Any) -> Any:
    """The value of a secret, and any other value as it is."""
    if isinstance(value, dict) and cast("Properties", value).get(SIGNATURE_KEY) == SECRET_MARK:
        return cast("Properties", value)["value"]
    return cast("Any", value)


def put(properties: Properties, path: str, value: object) -> None:
    """Set what stands at `a.b.0.c`, making the mappings that are missing.

    Numbers are places in lists; `~` stands for a dot of a key.
    """
    *way, last = (key.replace("~", ".") for key in path.split("."))
    node: Any = properties
    for key in way:
        node = cast("Any", node[int(key)] if isinstance(node, list) else node.setdefault(key, {}))
    node[int(last) if isinstance(node, list) else last] = value


def differences(wanted: Any, actual: Any, before: Any, path: str = "") -> Iterator[str]:
    """Paths where `actual` is not what is `wanted`, and where something stood `before` that no longer is wanted.

    What `actual` has beyond both is the cloud's own business.
    """
    wanted, actual, before = opened(wanted), opened(actual), opened(before)
    new, old, first = _elements(wanted), _elements(actual), _elements(before) or []
    if isinstance(wanted, dict) and isinstance(actual, dict):
        yield from _in_mappings(cast("Properties", wanted), cast("Properties", actual), before, path)
    elif new is not None and old is not None and len(new) == len(old):
        for index, (item, found) in enumerate(zip(new, old, strict=True)):
            yield from differences(item, found, first[index] if index < len(first) else None, f"{path}[{index}]")
    elif wanted != actual or wanted == UNKNOWN:
        yield path


def _in_mappings(wanted: Properties, actual: Properties, before: Any, path: str) -> Iterator[str]:
    olds = cast("Properties", before) if isinstance(before, dict) else {}
    for key in sorted(wanted.keys() | olds.keys()):
        at = f"{path}.{key}" if path else key
        if key in wanted and key in actual:
            yield from differences(wanted[key], actual[key], olds.get(key), at)
        elif key in wanted or key in actual:
            yield at


def refreshed(inputs: Any, found: Any) -> Any:
    """The inputs with the values that were found for them: what was never an input stays out."""
    inputs, found = opened(inputs), opened(found)
    old, new = _elements(inputs), _elements(found)
    if isinstance(inputs, dict) and isinstance(found, dict):
        live = cast("Properties", found)
        return {key: refreshed(item, live[key]) for key, item in cast("Properties", inputs).items() if key in live}
    if old is not None and new is not None and len(old) == len(new):
        return [refreshed(item, live) for item, live in zip(old, new, strict=True)]
    return found


def _elements(value: Any) -> list[Any] | None:
    return cast("list[Any]", value) if isinstance(value, list) else None
