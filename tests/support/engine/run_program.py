"""Runs one Pulumi program for the stand-in language host: `python -u run_program.py`, its settings as JSON on stdin.

It does for a program what the SDK's own executor does for the official host, with the SDK's public entry points only.
"""

import asyncio
import gc
import json
import os
import runpy
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pulumi
import pulumi.runtime

BAILED = 32
"""Exit status of a program that has told the user about its error itself."""


def main() -> NoReturn:
    """Run the program and leave with 0, 1 or BAILED."""
    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    _end_with_the_host()
    gc.disable()  # a short process: what the SDKs' imports make stays anyway
    pulumi.runtime.set_all_config(settings["config"], settings["secret_keys"])
    pulumi.runtime.configure(pulumi.runtime.Settings(**settings["settings"]))
    sys.argv = [settings["program"]]
    code = _run(settings["program"], threads=4 * max(settings["settings"]["parallel"], 1))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_with_the_host() -> None:
    """The host holds the other end of stdin as long as it lives; the program itself reads nothing."""
    watched = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=lambda: os.read(watched, 1) or os._exit(1), daemon=True).start()


def _run(program: str, *, threads: int) -> int:
    def execute() -> None:
        runpy.run_path(program, run_name="__main__")

    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(threads))
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(execute))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:  # noqa: BLE001 - told to the engine, as the official host does
        pulumi.log.error("Program failed with an unhandled exception:\n" + traceback.format_exc())
        return BAILED
    return 0


if __name__ == "__main__":
    main()
