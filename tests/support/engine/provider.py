"""A stand-in for the plugins of every provider, for machines that have the engine without them.

The engine attaches to it (`PULUMI_DEBUG_PROVIDERS`). It keeps what "exists" in a `Cloud`, answers with the inputs and
the outputs of that module's table, and replaces by the rules of `infra/catalog`. What it does not prove: that a
provider accepts the inputs (it has no schema), what a cloud makes of them, how long it takes, charts, and the children
of remote components. Providers of the clouds compare what is wanted with what they found, Kubernetes' with the fields
that it applied; the stand-in does likewise, as that decides what drift shows.
"""
# ruff: noqa: N802 - the methods' names are those of the engine's protocol

import json
from threading import Lock

from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from infra.catalog.replacements import replacement_rule
from tests.support.engine.cloud import Cloud, Live, identity, with_computed
from tests.support.engine.serving import Context, refuse
from tests.support.engine.values import Properties, differences, plain, refreshed, struct

KINDS = provider_pb2.PropertyDiff


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Every provider at once: a resource's type says whose it is."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = Lock()

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: Context
    ) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> Empty:
        return Empty()

    def Cancel(self, request: Empty, context: Context) -> Empty:
        return Empty()

    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="9999.0.0")  # new enough for every SDK that asks

    def GetSchema(self, request: provider_pb2.GetSchemaRequest, context: Context) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "stand-in", "version": "0.0.0"}))

    def CheckConfig(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        changed = list(differences(plain(request.news), plain(request.old_inputs), plain(request.old_inputs)))
        return provider_pb2.DiffResponse(changes=_changes(changed), diffs=changed)

    def Configure(self, request: provider_pb2.ConfigureRequest, context: Context) -> provider_pb2.ConfigureResponse:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, acceptResources=True, supportsPreview=True)

    def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        before = plain(request.old_inputs)
        is_kubernetes = request.type.startswith("kubernetes:")
        actual = before if is_kubernetes else plain(request.olds)
        found = differences(plain(request.news), actual, before)
        changed = [path for path in found if not _ignored(path, list(request.ignoreChanges))]
        replacing = [path for path in changed if replacement_rule(request.type, path)]
        named_as_before = _metadata(before) == _metadata(plain(request.news))
        return provider_pb2.DiffResponse(
            changes=_changes(changed),
            diffs=sorted({_top(path) for path in changed}),
            replaces=sorted({_top(path) for path in replacing}),
            hasDetailedDiff=True,
            detailedDiff={
                path: provider_pb2.PropertyDiff(kind=KINDS.UPDATE_REPLACE if path in replacing else KINDS.UPDATE)
                for path in changed
            },
            deleteBeforeReplace=bool(replacing) and is_kubernetes and named_as_before,
        )

    def Create(self, request: provider_pb2.CreateRequest, context: Context) -> provider_pb2.CreateResponse:
        type_, inputs = _type(request.urn), plain(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=struct(with_computed(type_, inputs, None)))
        id_ = identity(type_, request.urn, inputs)
        key = (_stack(request.urn), id_)
        outputs = with_computed(type_, inputs, id_)
        with self._lock:
            if key in self._cloud.live:
                refuse(context, f"{id_} already exists")
            self._cloud.live[key] = Live(type=type_, outputs=outputs)
        return provider_pb2.CreateResponse(id=id_, properties=struct(outputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: Context) -> provider_pb2.UpdateResponse:
        outputs = with_computed(_type(request.urn), plain(request.news), request.id)
        if not request.preview:
            self._cloud.live[_stack(request.urn), request.id].outputs = outputs
        return provider_pb2.UpdateResponse(properties=struct(outputs))

    def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:
        live = self._cloud.live.get((_stack(request.urn), request.id))
        if live is None:
            return provider_pb2.ReadResponse()
        inputs = refreshed(plain(request.inputs), live.outputs)
        return provider_pb2.ReadResponse(id=request.id, properties=struct(live.outputs), inputs=struct(inputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> Empty:
        self._cloud.live.pop((_stack(request.urn), request.id), None)
        return Empty()


def _changes(changed: list[str]) -> provider_pb2.DiffResponse.DiffChanges.ValueType:
    return provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE


def _ignored(path: str, ignored: list[str]) -> bool:
    return any(path == prefix or path.startswith((f"{prefix}.", f"{prefix}[")) for prefix in ignored)


def _metadata(properties: Properties) -> tuple[object, object]:
    metadata: Properties = properties.get("metadata") or {}
    return metadata.get("name"), metadata.get("namespace")


def _top(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _stack(urn: str) -> str:
    return urn.split("::", maxsplit=1)[0].removeprefix("urn:pulumi:")


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]
