"""Reading server-sent events as a client would."""

import json
from typing import Any


def parsed(body: str) -> list[tuple[str, Any]]:
    """Return (name, data) of each event of a whole stream."""
    events: list[tuple[str, Any]] = []
    for block in body.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events
