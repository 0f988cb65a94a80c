"""Puts a secret from its configuration into a Kubernetes Secret, and where `leak` is set once more without the mark."""

import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
token = config.require_secret("token")
k8s.core.v1.Secret("kept", metadata={"name": "kept"}, string_data={"token": token})
if config.get_bool("leak"):
    k8s.core.v1.ConfigMap("leaked", metadata={"name": "leaked"}, data={"token": pulumi.Output.unsecret(token)})
pulumi.export("token", token)
