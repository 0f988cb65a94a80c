"""Contestant: the service as one of several processes that share a port, and a Redis for limits and cached answers.

The kernel distributes new connections among the processes that listen on the port (`SO_REUSEPORT`), without the cost of
a load balancer; kube-proxy does the same with a Service's connections.
"""

import socket
import sys
import tempfile

from app.main import create_app
from app.serving.server import DrainingServer
from app.telemetry.logs import configure_logs
from bench.answer.contestant import upstream
from bench.answer.ours import adapters, settings_for, timed
from tests.support.redis import PASSWORD

MOST_CLIENTS = 256


def shared_port(port: int = 0) -> socket.socket:
    """Return a socket bound to a loopback port on which others may listen too; 0 takes a free one."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def main() -> None:
    port, redis_url = int(sys.argv[2]), sys.argv[3]
    configure_logs("info")
    with tempfile.TemporaryDirectory() as folder, shared_port(port) as bound:
        settings = settings_for(
            upstream(), folder, redis_url=redis_url, redis_password=PASSWORD, cache="redis",
            clients=MOST_CLIENTS,
        )  # fmt: skip
        app = create_app(settings, adapters(timed()))
        ready = lambda: print(port, flush=True)  # noqa: E731
        server = DrainingServer(app, drain_s=1, on_ready=ready, on_drain=app.state.readiness.drain)
        server.run([bound])


if __name__ == "__main__":
    main()
