"""Writes each of a stack's Kubernetes objects to a file: `<kind>-<namespace>-<name>.yaml`.

An object without a namespace (cluster-scoped, or left to the provider's default) becomes `<kind>-<name>.yaml`. The
files are for reading and for tools that check manifests: secrets read `<secret>`, and what the cloud computes
`<computed>`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from ops.plan.graph import Manifest, RecordedStack

_MARK = "# Rendered by `ragspan plan`; not for applying."
_FIRST_KEYS = ("apiVersion", "kind", "metadata", "name")


class NotRendered(Exception):
    """The folder contains foreign files, or two objects would get the same file."""


def render(stack: RecordedStack, folder: Path) -> int:
    """Replace the contents of `folder/<stack>` by the stack's manifests, and return their number.

    Raises NotRendered before anything is written.
    """
    texts = {_file_name(manifest): _text(stack.name, manifest) for manifest in stack.manifests()}
    if len(texts) != len(stack.manifests()):
        raise NotRendered("two Kubernetes objects share kind, namespace and name; rename one of them")
    target = folder / stack.name
    for old in _rendered_before(target):
        old.unlink()
    target.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8")
    return len(texts)


def _rendered_before(target: Path) -> list[Path]:
    files = sorted(target.iterdir()) if target.is_dir() else []
    for file in files:
        if file.suffix != ".yaml" or not file.is_file() or not file.read_text(encoding="utf-8").startswith(_MARK):
            raise NotRendered(
                f"{target} holds {file.name}, which was not rendered here; empty the folder or choose another."
            )
    return files


def _file_name(manifest: Manifest) -> str:
    parts = (manifest.kind, manifest.namespace, manifest.name)
    return "-".join(re.sub(r"[^A-Za-z0-9.-]", "_", part) for part in parts if part) + ".yaml"


def _text(stack: str, manifest: Manifest) -> str:
    body = yaml.dump(_ordered(manifest.body), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"{_MARK} Stack {stack}, {manifest.urn}\n{body}"


def _ordered(value: Any) -> Any:
    """Return the value with identifying keys first and all others in alphabetical order."""
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {key: _ordered(fields[key]) for key in sorted(fields, key=lambda key: (key not in _FIRST_KEYS, key))}
    return [_ordered(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


class _Dumper(yaml.SafeDumper):
    """Writes multi-line texts as blocks."""


def _text_of_lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _text_of_lines)
