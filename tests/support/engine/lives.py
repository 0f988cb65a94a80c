"""The life of a stack under the real engine, one command after the other, each run when its outcome is first asked for.

Each step stands on the one before it, so that tests may ask for them in any order.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.support.engine.cloud import Cloud
from tests.support.engine.drift import drift
from tests.support.engine.events import EngineRun
from tests.support.engine.workspace import Stack


@dataclass(kw_only=True)
class Life:
    """From the first preview to nothing left."""

    stack: Stack
    cloud: Cloud
    is_own_cluster: bool
    is_protected: bool
    first_state: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The state after the first update."""

    @cached_property
    def previewed(self) -> EngineRun:
        """The shipped file, placeholders and all."""
        return self.stack.preview()

    @cached_property
    def created(self) -> EngineRun:
        """The first update, with values in place of placeholders."""
        assert self.previewed
        self.stack.fill_placeholders()
        run = self.stack.up().succeeded()
        self.first_state = self.stack.state()
        return run

    @cached_property
    def repeated(self) -> EngineRun:
        """An update without a change."""
        assert self.created
        return self.stack.up()

    @cached_property
    def changed(self) -> EngineRun:
        """One setting of the service, and the most nodes of a pool where the cluster is ours."""
        assert self.repeated
        pool = {"ragspan:cluster.pools.0.capacity.0.max_nodes": 9} if self.is_own_cluster else {}
        self.stack.configure({"ragspan:app.top_k": 11, **pool})
        return self.stack.up()

    @cached_property
    def refreshed(self) -> EngineRun:
        """A look at a cloud where nothing has changed."""
        assert self.changed
        return self.stack.refresh()

    @cached_property
    def drifted(self) -> tuple[set[str], EngineRun]:
        """Types that drifted, and the look at them."""
        assert self.refreshed.events
        return drift(self.cloud, self.stack.name), self.stack.refresh().succeeded()

    @cached_property
    def after_drift(self) -> EngineRun:
        """What an update would do then."""
        assert self.drifted[0]
        return self.stack.preview()

    @cached_property
    def kept(self) -> EngineRun:
        """An attempt to destroy it while it is protected."""
        assert self.after_drift
        return self.stack.destroy()

    @cached_property
    def unprotected(self) -> EngineRun:
        """The update by which the docs say that protection goes."""
        assert self.kept
        self.stack.unprotect()
        return self.stack.up()

    @cached_property
    def destroyed(self) -> EngineRun:
        """The end."""
        assert self.unprotected if self.is_protected else self.after_drift
        return self.stack.destroy()
