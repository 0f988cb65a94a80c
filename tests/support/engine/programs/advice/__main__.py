"""One advisory rule, which every Deployment of a single replica breaks."""

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)


def check(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
    if args.resource_type == "kubernetes:apps/v1:Deployment" and args.props["spec"]["replicas"] < 2:
        report_violation("one replica is none while its node is drained", None)


PolicyPack(
    "advice",
    policies=[ResourceValidationPolicy("several-replicas", "Several replicas.", check, EnforcementLevel.ADVISORY)],
)
