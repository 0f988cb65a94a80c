"""The operator's commands, mounted by the root command."""

from ops.plan.command import plan
from ops.rehearse.command import rehearse

__all__ = ["plan", "rehearse"]
