"""Decodes what the SDK sends to the engine, where secrets, unknowns and assets are marked dictionaries or strings.

The marks are defined by the engine's protocol: `sdk/go/common/resource/properties.go` (and `plugin/rpc.go`) of
pulumi/pulumi.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from google.protobuf import json_format
from google.protobuf.message import Message

from ops.plan.graph import COMPUTED, SECRET

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of a secret, not one
_UNKNOWN_VALUES = {
    UNKNOWN,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
    "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
    "e48ece36-62e2-4504-bad9-02848725956a",  # archive
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
}


def as_dict(message: Message) -> dict[str, Any]:
    """Return the message as plain values, including marks and secret values."""
    return json_format.MessageToDict(message)


def masked(value: Any) -> Any:
    """Return the value for showing: `<secret>` for a secret, `<computed>` for an unknown."""
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value)
        if items.get(SIGNATURE_KEY) == _SECRET_SIGNATURE:
            return SECRET
        return {key: masked(item) for key, item in items.items() if key != SIGNATURE_KEY}
    if isinstance(value, list):
        return [masked(item) for item in cast("list[Any]", value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return COMPUTED if isinstance(value, str) and value in _UNKNOWN_VALUES else value


def without_secrets(text: str, properties: Any) -> str:
    """Return the text without any of the properties' secret values."""
    for value in sorted(_secret_texts(properties, inside=False), key=len, reverse=True):
        text = text.replace(value, SECRET)
    return text


def _secret_texts(value: Any, *, inside: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value)
        inside = inside or items.get(SIGNATURE_KEY) == _SECRET_SIGNATURE
        for key, item in items.items():
            if key != SIGNATURE_KEY:
                yield from _secret_texts(item, inside=inside)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _secret_texts(item, inside=inside)
    elif inside and value not in (None, ""):
        yield str(value)
