"""A stand-in for `pulumi-language-python`, for machines that have the engine without it.

The engine attaches to it (`PULUMI_DEBUG_LANGUAGES`). It runs programs in the project's own virtual environment and
policy packs as `python -m pulumi.policy`. What it does not prove: how the official host finds or makes a virtual
environment, installs dependencies and reports the plugins that a program needs; it reports none.
"""
# ruff: noqa: N802 - the methods' names are those of the engine's protocol

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import IO, Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from tests.support.engine import run_program
from tests.support.engine.serving import Context, when_over

STOP_S = 5


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs what the engine asks for, and ends it with the call that asked."""

    def __init__(self) -> None:
        self._engine = ""
        self._children: list[subprocess.Popen[bytes]] = []
        self._lock = Lock()

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: Context
    ) -> language_pb2.LanguageHandshakeResponse:
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="0.0.0")

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: Context
    ) -> language_pb2.GetRequiredPackagesResponse:
        return language_pb2.GetRequiredPackagesResponse()

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: Context
    ) -> language_pb2.GetProgramDependenciesResponse:
        return language_pb2.GetProgramDependenciesResponse()

    def About(self, request: language_pb2.AboutRequest, context: Context) -> language_pb2.AboutResponse:
        return language_pb2.AboutResponse(executable=sys.executable)

    def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: Context
    ) -> language_pb2.RuntimeOptionsResponse:
        return language_pb2.RuntimeOptionsResponse()

    def Cancel(self, request: Empty, context: Context) -> Empty:
        self.stop()
        return Empty()

    def Run(self, request: language_pb2.RunRequest, context: Context) -> language_pb2.RunResponse:
        info = request.info
        command = [str(_interpreter(info)), "-u", run_program.__file__]
        child = self._start(context, command, folder=request.pwd or info.program_directory)
        if child.stdin:
            child.stdin.write(json.dumps(self._settings(request)).encode() + b"\n")
            child.stdin.flush()
        code = child.wait()
        if code in (0, run_program.BAILED):
            return language_pb2.RunResponse(bail=code == run_program.BAILED)
        return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {code}")

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: Context
    ) -> Iterator[language_pb2.RunPluginResponse]:
        if request.kind != "analyzer":
            raise ValueError(f"The stand-in runs policy packs, no plugin of kind {request.kind!r}.")
        target = _program(request.info)
        command = [str(_interpreter(request.info)), "-u", "-m", "pulumi.policy", request.args[-1], str(target)]
        environment = {**os.environ, **dict(item.split("=", 1) for item in request.env)}
        child = self._start(context, command, folder=request.pwd or str(target.parent), env=environment, read=True)
        yield from _said(child)
        yield language_pb2.RunPluginResponse(exitcode=child.wait())

    def stop(self) -> None:
        """End every child that still runs, each by its own id."""
        with self._lock:
            children, self._children = self._children, []
        for child in children:
            _end(child)

    def _start(
        self,
        context: Context,
        command: list[str],
        *,
        folder: str,
        env: dict[str, str] | None = None,
        read: bool = False,
    ) -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE if read else None
        child = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.PIPE, stdout=pipe, stderr=pipe)
        with self._lock:
            self._children.append(child)
        when_over(context, lambda: _end(child))
        return child

    def _settings(self, request: language_pb2.RunRequest) -> dict[str, Any]:
        return {
            "config": dict(request.config),
            "secret_keys": list(request.configSecretKeys),
            "program": str(_program(request.info)),
            "settings": {
                "project": request.project,
                "stack": request.stack,
                "monitor": request.monitor_address,
                "engine": self._engine,
                "parallel": request.parallel,
                "dry_run": request.dryRun,
                "organization": request.organization or "organization",
                "root_directory": request.info.root_directory,
            },
        }


def _program(info: language_pb2.ProgramInfo) -> Path:
    return Path(info.program_directory, info.entry_point).resolve()


def _interpreter(info: language_pb2.ProgramInfo) -> Path:
    """The Python of `options.virtualenv` in Pulumi.yaml or PulumiPolicy.yaml, or the one that runs the tests."""
    options = MessageToDict(info.options) if info.HasField("options") else {}
    if not options.get("virtualenv"):
        return Path(sys.executable)
    found = Path(info.root_directory, options["virtualenv"], "bin", "python")
    if not found.exists():
        raise FileNotFoundError(f"no Python environment at {found}")
    return found


def _said(child: "subprocess.Popen[bytes]") -> Iterator[language_pb2.RunPluginResponse]:
    """What the child writes, as it writes it; the first line of a policy pack is its port."""
    chunks: SimpleQueue[language_pb2.RunPluginResponse | None] = SimpleQueue()

    def pump(stream: IO[bytes] | None, *, errors: bool) -> None:
        while stream and (chunk := os.read(stream.fileno(), 65536)):
            said = language_pb2.RunPluginResponse
            chunks.put(said(stderr=chunk) if errors else said(stdout=chunk))
        chunks.put(None)

    Thread(target=pump, args=(child.stdout,), kwargs={"errors": False}, daemon=True).start()
    Thread(target=pump, args=(child.stderr,), kwargs={"errors": True}, daemon=True).start()
    yield from iter(chunks.get, None)
    yield from iter(chunks.get, None)


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream:
            stream.close()
