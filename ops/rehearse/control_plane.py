"""A temporary Kubernetes control plane on loopback: etcd, API server, scheduler and controller manager; no kubelet.

etcd listens on a socket in the private folder, and the scheduler and the controller manager do not listen at all. So
the API server has the only port, and tokens that only this user can read are the only way in. Admission is the API
server's default, including Pod Security and disruption budgets; the scheduler and the controllers have their real
permissions.
"""

import json
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ops.rehearse.api import Api, Refused
from ops.rehearse.binaries import CONTROL_PLANE
from ops.rehearse.connection import Connection
from ops.rehearse.programs import Programs

READY_TIMEOUT_S = 90
_USERS = {
    "admin": ("admin", "system:masters"),
    "scheduler": ("system:kube-scheduler", ""),
    "controller-manager": ("system:kube-controller-manager", ""),
}
"""The users with tokens: user name and group of each."""


class NotReady(Exception):
    """The control plane did not become ready in time."""


def start_control_plane(programs: Programs, paths: Mapping[str, Path]) -> Connection:
    """Start the control plane in the programs' folder, ready for pods. Raises NotReady and ProgramEnded."""
    etcd, api_server, scheduler, controllers = (paths[name] for name in CONTROL_PLANE)
    folder, port = programs.folder, free_port()
    certificate, key = folder / "certificates" / "apiserver.crt", folder / "certificates" / "apiserver.key"
    tokens = _write_credentials(folder, f"https://127.0.0.1:{port}", certificate)
    store = f"unix://{folder / 'etcd.sock'}"
    programs.start(etcd, *_etcd(folder, store))
    programs.start(api_server, *_api_server(folder, store, port, certificate, key))
    deadline = time.monotonic() + READY_TIMEOUT_S
    connection = _connection(programs, certificate, f"https://127.0.0.1:{port}", tokens["admin"], deadline)
    programs.start(scheduler, f"--kubeconfig={folder / 'scheduler.kubeconfig'}", *_QUIET)
    programs.start(
        controllers,
        f"--kubeconfig={folder / 'controller-manager.kubeconfig'}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={key}",
        f"--root-ca-file={certificate}",
        "--kube-api-qps=500",  # the default is 20 a second for all controllers together
        "--kube-api-burst=1000",
        *_QUIET,
    )
    # Controllers create this first; pods are refused until it exists.
    with Api(connection) as api:
        _wait_for(programs, lambda: api.get("/api/v1/namespaces/default/serviceaccounts/default"), deadline)
    return connection


_QUIET = ("--leader-elect=false", "--secure-port=0")


def free_port() -> int:
    """Return a loopback port that nobody listens on at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _etcd(folder: Path, store: str) -> list[str]:
    nobody = "http://localhost:2380"  # with one member, nobody uses these addresses
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={store}",
        f"--listen-peer-urls=unix://{folder / 'etcd-peer.sock'}",
        f"--advertise-client-urls={nobody}",
        f"--initial-advertise-peer-urls={nobody}",
        f"--initial-cluster=default={nobody}",
        "--unsafe-no-fsync",  # nothing is kept after the rehearsal
        "--log-level=warn",
    ]


def _api_server(folder: Path, store: str, port: int, certificate: Path, key: Path) -> list[str]:
    return [
        f"--etcd-servers={store}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--cert-dir={certificate.parent}",  # where it creates its certificate and key
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",  # as in the clouds, where Pod Security decides
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={key}",
        f"--service-account-key-file={certificate}",
    ]


def _write_credentials(folder: Path, server: str, certificate: Path) -> dict[str, str]:
    """Write a token for each user into the API server's file, and a kubeconfig for each; the folder is private."""
    tokens = {name: secrets.token_hex(16) for name in _USERS}
    rows = [f'{tokens[name]},{user},{name},"{group}"\n' for name, (user, group) in _USERS.items()]
    (folder / "tokens.csv").write_text("".join(rows), encoding="utf-8")
    cluster = {"server": server, "certificate-authority": str(certificate)}
    for name, token in tokens.items():
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": "rehearsal", "user": name}}],
            "clusters": [{"name": "rehearsal", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
        }
        (folder / f"{name}.kubeconfig").write_text(json.dumps(config), encoding="utf-8")
    return tokens


def _connection(programs: Programs, certificate: Path, server: str, token: str, deadline: float) -> Connection:
    key = certificate.with_suffix(".key")  # written after the certificate
    while not key.exists() and time.monotonic() < deadline:
        programs.check()
        time.sleep(0.05)
    connection = Connection(
        server=server,
        tls=ssl.create_default_context(cafile=certificate),
        token=token,
        kubeconfig=programs.folder / "admin.kubeconfig",
    )
    with Api(connection) as api:
        _wait_for(programs, api.require_ready, deadline)
    return connection


def _wait_for(programs: Programs, probe: Callable[[], object], deadline: float) -> None:
    """Wait until the probe succeeds against the API server."""
    said = ""
    while time.monotonic() < deadline:
        programs.check()
        try:
            probe()
        except (OSError, Refused) as error:
            said = str(error)
        else:
            return
        time.sleep(0.05)
    raise NotReady(f"The control plane was not ready within {READY_TIMEOUT_S} s; it said: {said}")
