"""How to reach an API server: one started here, or that of a context in the user's kubeconfig."""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml


class NoConnection(Exception):
    """The kubeconfig lacks the context, or the context signs in in a way that is not supported."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """An API server and our credentials; `kubeconfig` contains the same for programs."""

    server: str
    tls: ssl.SSLContext
    token: str = field(default="", repr=False)
    kubeconfig: Path


def of_context(name: str, folder: Path) -> Connection:
    """Return the connection of a context with certificates or a token, as k3d and kind write them. Raises NoConnection.

    A kubeconfig with only this context is written into `folder`.
    """
    config = _kubeconfig()
    context = _named(config, "contexts", name)["context"]
    cluster = _named(config, "clusters", context["cluster"])["cluster"]
    user = _named(config, "users", context["user"])["user"]
    if unknown := sorted(set(user) - {"client-certificate-data", "client-key-data", "token"}):
        raise NoConnection(
            f"Context {name!r} signs in by {', '.join(unknown)}; a rehearsal signs in by a token or by certificates in"
            " the kubeconfig itself, as those of k3d and kind, the clusters that it is made for."
        )
    if "certificate-authority-data" not in cluster:
        raise NoConnection(f"Context {name!r} has no certificate-authority-data; its server could be anyone.")
    file = folder / "context.kubeconfig"
    _write_private(file, yaml.safe_dump(_alone(context, cluster, user)))
    return Connection(server=cluster["server"], tls=_tls(cluster, user), token=user.get("token", ""), kubeconfig=file)


def _kubeconfig() -> Mapping[str, Any]:
    path = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    try:
        loaded: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise NoConnection(f"{path} cannot be read: {error}; KUBECONFIG names another file.") from None
    return cast("Mapping[str, Any]", loaded) if isinstance(loaded, Mapping) else {}


def _named(config: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    entries: list[Mapping[str, Any]] = config.get(kind) or []
    for entry in entries:
        if entry["name"] == name:
            return entry
    known = ", ".join(sorted(entry["name"] for entry in entries)) or "none"
    raise NoConnection(f"The kubeconfig has no {name!r} among its {kind}; it has {known}.")


def _alone(context: Mapping[str, Any], cluster: Mapping[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rehearsal",
        "contexts": [{"name": "rehearsal", "context": dict(context)}],
        "clusters": [{"name": context["cluster"], "cluster": dict(cluster)}],
        "users": [{"name": context["user"], "user": dict(user)}],
    }


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    tls = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
    if "client-certificate-data" in user:
        with tempfile.NamedTemporaryFile("w") as both:  # the ssl module reads certificates only from files
            both.write(_decoded(user["client-certificate-data"]) + "\n" + _decoded(user["client-key-data"]))
            both.flush()
            tls.load_cert_chain(both.name)
    return tls


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode()


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
