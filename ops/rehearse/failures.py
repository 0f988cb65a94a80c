"""All errors that prevent a rehearsal; each is reported as a sentence, without a traceback."""

from ops.rehearse.api import Refused
from ops.rehearse.binaries import ProgramsMissing
from ops.rehearse.connection import NoConnection
from ops.rehearse.control_plane import NotReady
from ops.rehearse.existing import NotDisposable
from ops.rehearse.programs import ProgramEnded
from ops.rehearse.scheduling import NotSettled

FAILURES = (NoConnection, NotDisposable, NotReady, NotSettled, OSError, ProgramEnded, ProgramsMissing, Refused)
