"""The operator's commands, mounted by the root command."""

from ops.plan.command import plan

__all__ = ["plan"]
