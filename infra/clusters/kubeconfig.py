"""A kubeconfig without credentials: an exec plugin fetches one whenever a client connects."""

import json


def exec_kubeconfig(
    *, name: str, server: str, command: str, arguments: list[str], install_hint: str, ca_data: str | None = None
) -> str:
    """Return the kubeconfig of one cluster as JSON.

    `ca_data` is the base64 certificate of a cluster that signs its own; None if a public authority signs it.
    """
    cluster = {"server": server} if ca_data is None else {"server": server, "certificate-authority-data": ca_data}
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": command,
        "args": arguments,
        "installHint": install_hint,
        "interactiveMode": "Never",
        "provideClusterInfo": True,
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"exec": plugin}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
