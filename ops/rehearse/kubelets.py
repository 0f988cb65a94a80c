"""Starts kwok in place of kubelets, for a rehearsal's own nodes only."""

from pathlib import Path

from ops.rehearse.connection import Connection
from ops.rehearse.fleet import REHEARSAL_LABEL
from ops.rehearse.programs import Programs

STAGES = Path(__file__).with_name("stages.yaml")


def start_kubelets(programs: Programs, kwok: Path, connection: Connection) -> None:
    """Start kwok, which makes nodes with the rehearsal's label ready and runs their pods."""
    programs.start(
        kwok,
        f"--kubeconfig={connection.kubeconfig}",
        f"--config={STAGES}",
        f"--manage-nodes-with-label-selector={REHEARSAL_LABEL}=node",
        "--node-lease-duration-seconds=40",
    )
