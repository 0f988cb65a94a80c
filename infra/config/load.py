"""The two ways to get a StackConfig: from a stack file, and in a running Pulumi program. Both make the same checks."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from infra.config.errors import ConfigError, Problem, key_path
from infra.config.explain import nearest, problems_of
from infra.config.stack import StackConfig
from infra.config.stack_file import read_config
from infra.naming import PROJECT

STACK_FILES = Path(__file__).resolve().parents[2] / "stacks"
"""The folder of the stack files: `stackConfigDir` in Pulumi.yaml."""

SECTIONS = tuple(f"{PROJECT}:{name}" for name in StackConfig.model_fields if name != "name")
_FILE_NAME = re.compile(r"Pulumi\.(?P<stack>[A-Za-z0-9_.-]+)\.yaml")
_PLACEHOLDERS = ("replace-me", "000000000000")


def stack_files(folder: Path = STACK_FILES) -> dict[str, Path]:
    """Return the folder's stack files by stack name, sorted."""
    matches = ((_FILE_NAME.fullmatch(path.name), path) for path in sorted(folder.glob("Pulumi.*.yaml")))
    return {match["stack"]: path for match, path in matches if match}


def from_file(path: Path) -> StackConfig:
    """Read and check `Pulumi.<stack>.yaml`, placeholders allowed. Raises ConfigError."""
    source = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    match = _FILE_NAME.fullmatch(path.name)
    if not match:
        raise ConfigError(
            source, [Problem(key="", problem="not the name of a stack file", remedy="name it Pulumi.<stack>.yaml")]
        )
    return _checked(source, match["stack"], read_config(path, source))


def from_pulumi() -> StackConfig:
    """Read and check the running stack's configuration. Raises ConfigError; during `up` also for placeholders."""
    import pulumi  # noqa: PLC0415 - takes half a second, and files do not need it
    from pulumi.runtime.config import CONFIG  # noqa: PLC0415

    stack = pulumi.get_stack()
    source = f"stacks/Pulumi.{stack}.yaml"
    texts = cast("dict[str, str]", pulumi.runtime.get_config_env() | CONFIG.get())
    if secret := [_secret(key) for key in texts if pulumi.runtime.is_config_secret(key)]:
        raise ConfigError(source, secret)
    config = _checked(source, stack, {key: _decoded(text) for key, text in texts.items()})
    if not pulumi.runtime.is_dry_run() and (unset := placeholders(config)):
        raise ConfigError(source, [_placeholder(key) for key in unset])
    return config


def placeholders(config: StackConfig) -> list[str]:
    """Return the keys whose text still contains `replace-me` or a row of zeros, e.g. an account or an image digest."""
    nodes = _nodes(config.model_dump(mode="json", exclude={"name"}), ())
    return [key_path(path) for path, node in nodes if isinstance(node, str) and any(p in node for p in _PLACEHOLDERS)]


def _checked(source: str, stack: str, config: Mapping[str, object]) -> StackConfig:
    foreign = [_foreign(key) for key in config if key not in SECTIONS and not key.startswith("pulumi:")]
    sections = {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items() if key in SECTIONS}
    sealed = [key_path(path) for path, node in _nodes(sections, ()) if isinstance(node, dict) and "secure" in node]
    refused = foreign + [_secret(key) for key in sealed]
    try:
        checked = StackConfig.model_validate_json(json.dumps({**sections, "name": stack}))
    except ValidationError as error:
        refused += [p for p in problems_of(error) if not p.key.startswith(tuple(sealed))]
        raise ConfigError(source, refused) from None
    if refused:
        raise ConfigError(source, refused)
    return checked


def _nodes(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Yield every value nested in a value, including itself, with its path."""
    yield path, value
    if isinstance(value, dict):
        for key, child in cast("dict[str, object]", value).items():
            yield from _nodes(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(cast("list[object]", value)):
            yield from _nodes(child, (*path, index))


def _decoded(text: str) -> object:
    """Decode a section as the engine passes it: JSON, or plain text as it is."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _foreign(key: str) -> Problem:
    known = ", ".join(SECTIONS)
    if key.startswith(f"{PROJECT}:"):
        return Problem(key=key, problem="unknown section", allowed=known, remedy=nearest(key, SECTIONS))
    remedy = "remove it: providers are configured by ragspan:cluster alone, never by a namespace of their own"
    return Problem(key=key, problem="not a section of this program", allowed=f"{known}, pulumi:*", remedy=remedy)


def _secret(key: str) -> Problem:
    return Problem(
        key=key,
        problem="a stack file holds no secret values",
        allowed="names of existing Kubernetes Secrets",
        remedy="put the value into a Kubernetes Secret and write its name and key here",
    )


def _placeholder(key: str) -> Problem:
    return Problem(
        key=key,
        problem="still holds the placeholder it was shipped with",
        remedy="write the real value; a preview accepts placeholders, an update does not",
    )
