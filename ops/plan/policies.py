"""Runs the policy pack's rules over a recorded stack, as the engine's analyser would during a preview."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pulumi_policy import (
    EnforcementLevel,
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy

from ops.plan.graph import RecordedStack, Resource
from ops.plan.wire import without_secrets
from policies.rules import RULES


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One thing that a policy found wrong with a resource."""

    policy: str
    level: str
    urn: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One policy's verdict on a stack. `checked` resources were judged; `skipped_reason` tells why others were not."""

    policy: str
    level: str
    checked: int
    violations: tuple[Violation, ...]
    skipped_reason: str | None


class _NotApplicable(Exception):
    pass


class _Args(ResourceValidationArgs):
    """The analyser's arguments, with our own signal for rules that do not apply to a resource."""

    def not_applicable(self, reason: str | None = None) -> NoReturn:
        raise _NotApplicable(reason)


def check_policies(stack: RecordedStack, rules: Sequence[ResourceValidationPolicy] = RULES) -> tuple[Verdict, ...]:
    """Check every resource against every rule. Aliases and custom timeouts are not passed to the rules."""
    providers = {
        resource.urn: resource for resource in stack.resources if resource.type.startswith("pulumi:providers:")
    }
    return tuple(_verdict(rule, stack, providers) for rule in rules)


def _verdict(rule: ResourceValidationPolicy, stack: RecordedStack, providers: Mapping[str, Resource]) -> Verdict:
    level = (rule.enforcement_level or EnforcementLevel.MANDATORY).value
    violations: list[Violation] = []
    skipped: list[str] = []
    checked = 0
    for resource in stack.resources:

        def report(message: str, urn: str | None = None, *, at: Resource = resource) -> None:
            shown = without_secrets(message, at.analysed)
            violations.append(Violation(policy=rule.name, level=level, urn=urn or at.urn, message=shown))

        try:
            rule.validate(_arguments(resource, providers), report)  # pyright: ignore[reportUnknownMemberType]
        except _NotApplicable:
            continue
        except UnknownValueError as unknown:
            skipped.append(f"{resource.name}: {'.'.join(unknown.props)} is known only after deployment")
        else:
            checked += 1
    if not checked and not skipped:
        skipped.append("no resource of this stack is its concern")
    return Verdict(
        policy=rule.name,
        level=level,
        checked=checked,
        violations=tuple(violations),
        skipped_reason="; ".join(skipped) or None,
    )


def _arguments(resource: Resource, providers: Mapping[str, Resource]) -> ResourceValidationArgs:
    options = resource.options
    provider = providers.get(resource.provider or "")
    return _Args(
        resource.type,
        _props(resource),
        resource.urn,
        resource.name,
        PolicyResourceOptions(
            protect=options.get("protect", False),
            ignore_changes=options.get("ignoreChanges", []),
            delete_before_replace=options.get("deleteBeforeReplace"),
            aliases=[],
            custom_timeouts=PolicyCustomTimeouts(0, 0, 0),
            additional_secret_outputs=options.get("additionalSecretOutputs", []),
            parent=resource.parent,
        ),
        provider and PolicyProviderResource(provider.type, _props(provider), provider.urn, provider.name),
    )


def _props(resource: Resource) -> Mapping[str, Any]:
    return unknown_checking_proxy(deserialize_properties(dict(resource.analysed)))
