"""One restricted Deployment whose image comes from its configuration, or from a resource that does not exist yet."""

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s

image = pulumi.Config().require("image")
account = gcp.serviceaccount.Account("account", account_id="account", project="test-project")
restricted = k8s.core.v1.SecurityContextArgs(
    allow_privilege_escalation=False,
    read_only_root_filesystem=True,
    run_as_non_root=True,
    capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
    seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
)
container = k8s.core.v1.ContainerArgs(
    name="app",
    image=pulumi.Output.concat("registry.example/", account.email) if image == "unknown" else image,
    security_context=restricted,
)
k8s.apps.v1.Deployment(
    "app",
    metadata=k8s.meta.v1.ObjectMetaArgs(name="app"),
    spec=k8s.apps.v1.DeploymentSpecArgs(
        replicas=1,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels={"app": "app"}),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels={"app": "app"}),
            spec=k8s.core.v1.PodSpecArgs(containers=[container]),
        ),
    ),
)
