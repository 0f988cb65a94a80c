"""Starts the policy pack for the engine.

Creating a PolicyPack starts a server and never returns, so the rules live elsewhere.
"""

import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `pulumi install` makes a .venv without the project

from policies.rules import RULES

PolicyPack("ragspan", policies=list(RULES), enforcement_level=EnforcementLevel.MANDATORY)
