"""The identity of GKE nodes: a service account with the two roles that a node needs."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.naming import GCP_SERVICE_ACCOUNT_CHARS, PROJECT, Names

NODE_ROLES = {
    "telemetry": "roles/container.defaultNodeServiceAccount",
    "images": "roles/artifactregistry.reader",
}
"""https://docs.cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster#use_least_privilege_sa"""


@dataclass(frozen=True, kw_only=True)
class GkeNodeIdentityArgs:
    """The project in which the roles are granted."""

    project_id: str
    names: Names
    provider: gcp.Provider


class GkeNodeIdentity(pulumi.ComponentResource):
    """The nodes' service account and its grants."""

    email: pulumi.Output[str]
    grants: list[gcp.projects.IAMMember]
    """Without these a node can neither report nor pull images, so pools depend on them."""

    def __init__(self, name: str, args: GkeNodeIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ragspan:clusters:GkeNodeIdentity", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=args.provider)
        account = gcp.serviceaccount.Account(
            f"{name}-account",
            account_id=args.names.digest_of("nodes", limit=GCP_SERVICE_ACCOUNT_CHARS),
            display_name=f"GKE nodes of {PROJECT} {args.names.stack}",
            opts=child,
        )
        self.email = account.email
        self.grants = [
            gcp.projects.IAMMember(
                f"{name}-{purpose}", project=args.project_id, role=role, member=account.member, opts=child
            )
            for purpose, role in NODE_ROLES.items()
        ]
        self.register_outputs({"email": self.email})
