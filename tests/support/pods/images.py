"""The one table of what differs from a cluster: the program that stands for each image, and what the image sets.

No rendered variable, port, address or path is rewritten: each pod has a network and a file system of its own.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import parts

ROOT = Path(__file__).parents[3]
BESIDE_US = Path(sys.executable).parent
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WORKING_DIRECTORY = "/tmp"
"""Of every container; the image of the answer service says /data, which a root file system here need not have."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a container of a repository ending so runs, and the entry point, command and variables of the image itself.

    `programs` has the command line here for an executable of the image. A `stand_in` is another program altogether: it
    gets no volumes.
    """

    repository: str
    programs: Mapping[str, Sequence[str]]
    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    stand_in: bool = False

    def command_line(self, container: Mapping[str, Any]) -> list[str]:
        """Return what Kubernetes would run (`command` replaces the entry point, `args` the command), as found here."""
        entrypoint = container.get("command") or self.entrypoint
        command = () if container.get("command") else self.command
        program, *arguments = *entrypoint, *(container.get("args") or command)
        return [*self.programs[program], *arguments]


def images() -> tuple[Image, ...]:
    """Return the table. Raises LookupError where weaviate-server or redis is missing."""
    dockerfile = instructions((ROOT / "Dockerfile").read_text())
    return (
        Image(
            repository="/semitechnologies/weaviate",
            entrypoint=("/bin/weaviate",),
            programs={"/bin/weaviate": [str(parts.executable("weaviate-server"))]},
            environment={"PATH": SYSTEM_PATH},
        ),
        Image(
            repository="/ragspan/app",
            entrypoint=_words(dockerfile["ENTRYPOINT"]),
            command=_words(dockerfile["CMD"]),
            programs={"ragspan": [str(BESIDE_US / "ragspan")]},
            environment={
                **dict(re.findall(r"(\w+)=(\S+)", dockerfile["ENV"])),
                "PATH": f"{BESIDE_US}:{SYSTEM_PATH}",
            },
        ),
        Image(
            repository="/valkey/valkey",
            entrypoint=("docker-entrypoint.sh",),
            programs={"sh": ["/bin/sh"]},
            environment={
                "PATH": f"{Path(__file__).parent / 'valkey'}:{SYSTEM_PATH}",
                "PWD": WORKING_DIRECTORY,  # set by the shell that starts it
                "SERVER": str(parts.executable("redis")),
            },
        ),
        Image(
            repository="/vllm/vllm-openai",
            entrypoint=("vllm", "serve"),
            programs={"vllm": [sys.executable, "-m", "tests.support.pods.fake_vllm"]},
            environment={"PATH": SYSTEM_PATH, "PYTHONPATH": str(ROOT)},
            stand_in=True,
        ),
    )


def image_of(reference: str, table: Sequence[Image]) -> Image:
    """Return the row of a container's image. Raises LookupError."""
    repository = re.sub(r"(@sha256:\w+|:[\w.-]+)$", "", reference)
    for image in table:
        if repository.endswith(image.repository):
            return image
    raise LookupError(f"No program stands for the image {reference}; add it to tests/support/pods/images.py.")


def instructions(dockerfile: str) -> dict[str, str]:
    """Return the instructions of a Dockerfile's last stage, by name; each is there once."""
    lines = re.sub(r"\\\n\s*", " ", dockerfile).rpartition("\nFROM ")[2].splitlines()
    return {name: rest for name, _, rest in (line.partition(" ") for line in lines[1:])}


def _words(exec_form: str) -> list[str]:
    return re.findall(r'"([^"]+)"', exec_form)


def table(rows: Sequence[Image]) -> str:
    """Return the table for a person to read."""
    lines = ["What differs from a cluster:"]
    for image in rows:
        for program, command in image.programs.items():
            lines.append(f"  image …{image.repository}: {program} is {' '.join(command)}")
        lines.extend(f"    sets {name}={value}" for name, value in image.environment.items())
    return "\n".join(lines)
