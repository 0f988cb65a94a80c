"""Writes its process id where its configuration says, and then never ends."""

import os
import threading
from pathlib import Path

import pulumi

Path(pulumi.Config().require("pid_file")).write_text(str(os.getpid()))
threading.Event().wait()
