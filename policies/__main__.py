"""The policy pack as the engine starts it: making it starts a server and never returns, so rules live elsewhere."""

from pulumi_policy import EnforcementLevel, PolicyPack

from policies.rules import RULES

PolicyPack("ragspan", policies=list(RULES), enforcement_level=EnforcementLevel.MANDATORY)
