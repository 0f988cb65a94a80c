"""Serves the stand-ins on loopback, where the engine is told to attach to them; the one place that meets grpc's API."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from pulumi.runtime.proto import language_pb2_grpc, provider_pb2_grpc

ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
STOP_S = 5

Context = grpc.ServicerContext


@contextmanager
def serving(
    *, provider: provider_pb2_grpc.ResourceProviderServicer, language: language_pb2_grpc.LanguageRuntimeServicer
) -> Generator[int]:
    """Serve both until the block ends; gives the port."""
    server = grpc.server(ThreadPoolExecutor(max_workers=32), options=ANY_SIZE)  # pyright: ignore[reportUnknownMemberType]
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(language, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait(STOP_S)


def when_over(context: Context, callback: Callable[[], None]) -> None:
    """Call back when the engine's call has ended, also by its being cancelled."""
    context.add_callback(callback)  # pyright: ignore[reportUnknownMemberType]


def refuse(context: Context, message: str) -> None:
    """End the call with an error that the engine shows."""
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)  # pyright: ignore[reportUnknownMemberType]
