"""Finds the programs that a rehearsal needs: Kubernetes' own, etcd, and kwok in place of kubelets."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager")
FAKE_KUBELETS = "kwok"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ragspan" / "bin"
"""The folder that `make parts` installs programs into."""


class ProgramsMissing(Exception):
    """Some programs are neither on PATH nor in the cache."""


def find(names: Iterable[str]) -> dict[str, Path]:
    """Return each program's path, from PATH or else from the cache. Raises ProgramsMissing, naming all missing ones."""
    found = {name: shutil.which(name) or shutil.which(name, path=str(CACHE)) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise ProgramsMissing(
            f"{', '.join(missing)}: neither on PATH nor in {CACHE}; run `make parts`, which builds them with Go, put"
            " official ones on PATH, or give a cluster to throw away (--context CONTEXT --disposable, which needs kwok"
            " alone)."
        )
    return {name: Path(path) for name, path in found.items() if path}
