"""Runs a Pulumi program against a stand-in for the engine, and records what it registers.

Each recording has its own settings, root and configuration, so that any number of stacks can be recorded one after
another in a process. It acts like a preview: what the cloud would compute is unknown to the program's applies. Not
supported: transforms and resource hooks, which the SDK then refuses with a message.
"""
# ruff: noqa: N802 - the methods' names are those of the engine's protocol

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from unittest.mock import patch

import pulumi.runtime
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import settings
from pulumi.runtime.proto import engine_pb2, provider_pb2, resource_pb2, source_pb2

from infra.naming import PROJECT
from ops.plan.graph import RecordedStack, Resource
from ops.plan.options import options_of, urn_of
from ops.plan.wire import SIGNATURE_KEY, UNKNOWN, as_dict, masked

_STACK_TYPE = "pulumi:pulumi:Stack"
_SET_BY_API_SERVER = {
    "": (("metadata", "name"),),
    "kubernetes:core/v1:Service": (("spec", "clusterIP"),),
}
_T = TypeVar("_T")


class ProgramFailed(Exception):
    """The program logged an error, or used a value in a way that would be wrong in a real run."""


def record(name: str, program: Callable[[], None], config: Mapping[str, str] | None = None) -> RecordedStack:
    """Run `program` as the stack `name`, with `config` (`ragspan:<key>` to text or JSON) for `pulumi.Config`.

    Raises what the program raises, even in an apply, and ProgramFailed.
    """
    # Where a resource was created is of no use here, and finding it out would take a sixth of a recording.
    with patch("pulumi.runtime.resource._get_stack_trace", source_pb2.StackTrace):
        return contextvars.copy_context().run(_record, name, program, dict(config or {}))


def _record(name: str, program: Callable[[], None], config: dict[str, str]) -> RecordedStack:
    monitor, engine = _Monitor(name), _Engine()
    settings.ROOT.set(None)
    settings.configure(
        settings.Settings(project=PROJECT, stack=name, monitor=monitor, engine=engine, dry_run=True, organization="")
    )
    pulumi.runtime.set_all_config(config, [])
    loop = _InlineLoop()
    # After a failure, other tasks fail for the same reason; only the first exception is raised, below.
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(program))
    except Exception as error:
        if monitor.lookups:
            error.add_note(f"Look-ups are unknown offline: {', '.join(monitor.lookups)}. Use their `_output` form.")
        raise
    finally:
        _close(loop)
    engine.raise_errors()
    return monitor.recorded(tuple(engine.warnings))


class _InlineLoop(asyncio.SelectorEventLoop):
    """Answers the SDK's calls at once, without threads, so that every run registers in the same order."""

    def run_in_executor(self, executor: Any, func: Callable[..., _T], *args: Any) -> asyncio.Future[_T]:  # noqa: ARG002
        answer: asyncio.Future[_T] = self.create_future()
        try:
            answer.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits the answer
            answer.set_exception(error)
        return answer


def _close(loop: asyncio.AbstractEventLoop) -> None:
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    if pending:
        loop.run_until_complete(asyncio.wait(pending))
    loop.close()


class _Monitor:
    """The engine's resource monitor, as far as the SDK calls it."""

    def __init__(self, stack: str) -> None:
        self.stack = stack
        self.lookups: list[str] = []
        self._resources: dict[str, Resource] = {}
        self._exports: dict[str, Any] = {}

    def recorded(self, warnings: tuple[str, ...]) -> RecordedStack:
        return RecordedStack(
            name=self.stack,
            resources=tuple(self._resources[urn] for urn in sorted(self._resources)),
            outputs=self._exports,
            warnings=warnings,
            lookups=tuple(sorted(set(self.lookups))),
        )

    def GetDeploymentInfo(self, _request: Empty) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo(
            supportedFeatures=[
                resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
                resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
                resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
                resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
            ]
        )

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        urn = self._add(as_dict(request), "object")
        return resource_pb2.RegisterResourceResponse(urn=urn, object=_previewed(request.type, request.object))

    def ReadResource(self, request: resource_pb2.ReadResourceRequest) -> resource_pb2.ReadResourceResponse:
        urn = self._add({**as_dict(request), "custom": True}, "properties")
        state = _previewed(request.type, request.properties)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=state)

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> Empty:
        outputs = masked(as_dict(request.outputs))
        if request.urn in self._resources:
            self._resources[request.urn] = replace(self._resources[request.urn], outputs=outputs)
        else:
            self._exports = outputs
        return Empty()

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeResponse:
        self.lookups.append(request.tok)
        return resource_pb2.ResourceInvokeResponse(unknown=True)

    def Call(self, request: resource_pb2.ResourceCallRequest) -> provider_pb2.CallResponse:
        self.lookups.append(request.tok)
        unknown = Struct()
        unknown["result"] = UNKNOWN
        answer = provider_pb2.CallResponse()
        getattr(answer, "return").CopyFrom(unknown)
        return answer

    def SignalAndWaitForShutdown(self, _request: Empty) -> Empty:
        return Empty()

    def _add(self, request: Mapping[str, Any], properties: str) -> str:
        type_, name, parent = str(request["type"]), str(request["name"]), str(request.get("parent", ""))
        urn = _urn(self.stack, parent, type_, name)
        if type_ == _STACK_TYPE:
            return urn
        if urn in self._resources:
            raise ProgramFailed(f"two resources are {urn}; give one of them another logical name")
        analysed = request.get(properties, {})
        self._resources[urn] = Resource(
            type=type_,
            name=name,
            urn=urn,
            parent=None if _lineage(parent) == _STACK_TYPE else parent,
            provider=urn_of(request["provider"]) if "provider" in request else None,
            dependencies=tuple(sorted(request.get("dependencies", ()))),
            options=options_of(request),
            inputs=masked(analysed),
            custom=request.get("custom", False),
            remote=request.get("remote", False),
            analysed=analysed,
        )
        return urn


def _lineage(parent: str) -> str:
    return parent.split("::")[2] if parent else _STACK_TYPE


def _urn(stack: str, parent: str, type_: str, name: str) -> str:
    """Return the URN that the engine would assign; the root stack is not part of it."""
    lineage = _lineage(parent)
    qualified = type_ if lineage == _STACK_TYPE else f"{lineage}${type_}"
    return f"urn:pulumi:{stack}::{PROJECT}::{qualified}::{name}"


def _previewed(type_: str, inputs: Struct) -> Struct:
    """Return a provider's answer in a preview: the inputs, without inventing anything that it would compute.

    A Kubernetes object keeps its inputs; what the API server adds is unknown. For other providers an object-valued
    input may come back with computed fields, so it is unknown as a whole.
    """
    state = Struct()
    state.CopyFrom(inputs)
    if type_.startswith("kubernetes:"):
        for part, key in _SET_BY_API_SERVER.get(type_, ()) + _SET_BY_API_SERVER[""]:
            if part in state and key not in state.fields[part].struct_value.fields:
                state.fields[part].struct_value[key] = UNKNOWN
        return state
    for key, value in inputs.fields.items():
        nested = [value, *value.list_value.values]
        if any(item.HasField("struct_value") and SIGNATURE_KEY not in item.struct_value for item in nested):
            state[key] = UNKNOWN
    return state


class _Engine:
    """The engine's log. Debug messages are dropped unread, because they may contain values."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._errors: list[str] = []

    def Log(self, request: engine_pb2.LogRequest) -> Empty:
        misused = request.message.startswith("Calling __str__ on an Output")
        if misused or request.severity == engine_pb2.ERROR:
            self._errors.append(request.message)
        elif request.severity == engine_pb2.WARNING:
            self.warnings.append(request.message)
        return Empty()

    def raise_errors(self) -> None:
        if self._errors:
            raise ProgramFailed("; ".join(self._errors))
