"""A copy of the project in a folder of its own, where the real `pulumi` command runs it against the stand-ins.

State lies in files below the folder, `PULUMI_HOME` too, so that neither a person's login nor their plugins are touched.
Where the official language host is installed it runs the programs. Providers are always the stand-in: an official one
would reach for a cloud.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support import parts
from tests.support.engine.events import EngineRun, read_events
from tests.support.engine.values import put

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(__file__).with_name("programs")
PASSPHRASE = "correct horse battery staple"
TIME_LIMIT_S = 110
LANGUAGE_HOST = "pulumi-language-python"
PROVIDERS = ("aws", "gcp", "kubernetes")
_COPIED = ("Pulumi.yaml", "infra", "stacks", "policies")
_TEST_VALUES = {
    "replace-me": "test-project",
    "cr-00000000000000000": "cr-0123456789abcdef0",
    "000000000000.dkr": "123456789012.dkr",
    '"000000000000"': '"123456789012"',
    "::000000000000:": "::123456789012:",
    "0" * 64: "a" * 64,
}


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The project's copy in `folder`, and the port where the stand-ins listen."""

    folder: Path
    port: int
    time_limit_s: int = TIME_LIMIT_S

    @property
    def project(self) -> Path:
        """Where Pulumi.yaml lies."""
        return self.folder / "project"

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which the engine finds the state, the stand-ins, and nothing of this machine's user."""
        attached = ",".join(f"{name}:{self.port}" for name in PROVIDERS)
        variables = {
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # lets a command write its events to a file
            "PULUMI_DEBUG_PROVIDERS": attached,
        }
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        if not shutil.which(LANGUAGE_HOST):
            variables["PULUMI_DEBUG_LANGUAGES"] = f"python:{self.port}"
            variables["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{kept['PATH']}"
        return {**kept, **variables}

    def pulumi(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line; its standard error is part of `stdout`. Raises TimeoutError past the limit."""
        command = [str(parts.executable("pulumi")), *arguments, "--non-interactive"]
        with subprocess.Popen(
            command,
            cwd=self.project,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=self.time_limit_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, _ = process.communicate()
                raise TimeoutError(f"pulumi {' '.join(arguments)} took over {self.time_limit_s} s:\n{said}") from None
        return subprocess.CompletedProcess(command, process.returncode, said)

    def use(self, program: str) -> None:
        """Run this one of `programs/` in place of the project's own."""
        shutil.copy2(PROGRAMS / f"{program}.py", self.project / "stacks" / "__main__.py")

    def stack(self, name: str) -> "Stack":
        """A new stack, configured by the file of this name."""
        made = self.pulumi("stack", "init", name)
        assert made.returncode == 0, made.stdout
        return Stack(name=name, workspace=self)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack of a workspace."""

    name: str
    workspace: Workspace

    @property
    def file(self) -> Path:
        """Its stack file, in the copy."""
        return self.workspace.project / "stacks" / f"Pulumi.{self.name}.yaml"

    def preview(self, *flags: str) -> EngineRun:
        return self._run("preview", *flags)

    def up(self, *flags: str) -> EngineRun:
        return self._run("up", "--yes", "--skip-preview", *flags)

    def refresh(self, *flags: str) -> EngineRun:
        return self._run("refresh", "--yes", "--skip-preview", *flags)

    def destroy(self, *flags: str) -> EngineRun:
        """As the docs say: what it would do comes first, and if that fails nothing is done."""
        return self._run("destroy", "--yes", *flags)

    def fill_placeholders(self) -> None:
        """Write test values where the shipped file holds placeholders."""
        text = self.file.read_text()
        for placeholder, value in _TEST_VALUES.items():
            text = text.replace(placeholder, value)
        self.file.write_text(text)

    def configure(self, changes: Mapping[str, object]) -> None:
        """Change values of the stack file by their path below `config:`, `ragspan:app.top_k` say."""
        document: dict[str, Any] = yaml.safe_load(self.file.read_text())
        for path, value in changes.items():
            put(document["config"], path, value)
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))

    def unprotect(self) -> None:
        """Write false for every `protect` and `deletion_protection` of the stack file, as the docs say."""
        text = self.file.read_text()
        self.file.write_text(re.sub(r"\b(protect|deletion_protection): true\b", r"\1: false", text))

    def set_config(self, key: str, value: str, *, secret: bool = False) -> None:
        """Set a value of a program that is not the project's own."""
        kind = "--secret" if secret else "--plaintext"
        done = self.workspace.pulumi("config", "set", "--stack", self.name, kind, key, value)
        assert done.returncode == 0, done.stdout

    def output(self, name: str) -> str:
        """An exported value, opened where it is secret."""
        shown = self.workspace.pulumi("stack", "output", "--stack", self.name, "--show-secrets", name)
        assert shown.returncode == 0, shown.stdout
        return shown.stdout.strip()

    @property
    def state_file(self) -> Path:
        """Where its state lies."""
        return self.workspace.folder / "state" / ".pulumi" / "stacks" / "ragspan" / f"{self.name}.json"

    def state_text(self) -> str:
        """The state as it lies on disk."""
        return self.state_file.read_text()

    def state(self) -> list[dict[str, Any]]:
        """The resources of the state, secrets as ciphertext."""
        return json.loads(self.state_text())["checkpoint"]["latest"].get("resources", [])

    def _run(self, command: str, *flags: str) -> EngineRun:
        log = self.workspace.folder / f"{self.name}.events"
        log.unlink(missing_ok=True)
        ended = self.workspace.pulumi(command, "--stack", self.name, "--event-log", str(log), *flags)
        return EngineRun(exit_code=ended.returncode, said=ended.stdout, events=read_events(log))


def copy_project(folder: Path) -> None:
    """Copy what an update reads."""
    project = folder / "project"
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, project / name)
        else:
            project.mkdir(parents=True)
            shutil.copy2(source, project / name)
    (project / ".venv").symlink_to(ROOT / ".venv")
    (folder / "state").mkdir()
    # For policies the engine wants to see an executable of this name, and attaches to the stand-in all the same.
    (folder / "bin").mkdir()
    (folder / "bin" / LANGUAGE_HOST).touch(0o755)
