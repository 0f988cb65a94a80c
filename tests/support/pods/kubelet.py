"""Runs a pod's container as a kubelet does: starts it, asks its rendered probes, restarts it when it ends or must."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp

from tests.support.pods.objects import Pod, Probe

FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 10, 300
"""Before the second restart and at most; the first is at once (`MaxContainerBackOff` of kubelet)."""


class PodRun:
    """A pod under one address. `changed` is called whenever what can be seen of it has changed."""

    def __init__(self, pod: Pod, address: str, command: list[str], log: Path, changed: Callable[[], None]) -> None:
        self.pod, self.address = pod, address
        self.ready = self.started = False
        self.restarts = 0
        self.pid = 0
        self._command, self._log, self._changed = command, log, changed
        self._task = asyncio.create_task(self._run())

    def kill(self) -> None:
        """SIGKILL its process, which is then restarted."""
        os.kill(self.pid, signal.SIGKILL)

    async def lose(self) -> None:
        """SIGKILL its process and do not start it again."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        backoff = 0
        async with aiohttp.ClientSession() as http:
            while True:
                await self._live(http)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2 or FIRST_BACKOFF_S, LONGEST_BACKOFF_S)
                self.restarts += 1
                self._changed()

    async def _live(self, http: aiohttp.ClientSession) -> None:
        """One life of the container, to its end."""
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.pid = process.pid
        probing = asyncio.create_task(self._probe(http, process))
        try:
            await process.wait()
        finally:
            probing.cancel()
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            self._see(started=False, ready=False)

    async def _probe(self, http: aiohttp.ClientSession, process: asyncio.subprocess.Process) -> None:
        """Ask from the start of the process on; it is killed when its startup or liveness probe fails too often."""
        startup, liveness = self.pod.probe("startup"), self.pod.probe("liveness")
        async with asyncio.TaskGroup() as watches:
            async for failures in self._failures(http, startup):
                if not failures:
                    break
                if failures >= startup.failures:
                    process.kill()
            self._see(started=True, ready=False)
            watches.create_task(self._watch_readiness(http))
            async for failures in self._failures(http, liveness):
                if failures >= liveness.failures:
                    process.kill()

    async def _watch_readiness(self, http: aiohttp.ClientSession) -> None:
        readiness = self.pod.probe("readiness")
        async for failures in self._failures(http, readiness):
            if not failures or failures >= readiness.failures:
                self._see(started=True, ready=not failures)

    async def _failures(self, http: aiohttp.ClientSession, probe: Probe) -> AsyncGenerator[int]:
        """Ask once a period and give how often in succession there was no answer, or another than 2xx and 3xx."""
        failures = 0
        while True:
            try:
                async with asyncio.timeout(probe.timeout):
                    passed = await self._passes(http, probe)
            except (aiohttp.ClientError, OSError):
                passed = False
            failures = 0 if passed else failures + 1
            yield failures
            await asyncio.sleep(probe.period)

    async def _passes(self, http: aiohttp.ClientSession, probe: Probe) -> bool:
        if probe.path is None:
            _, writer = await asyncio.open_connection(self.address, probe.port)
            writer.close()
            return True
        async with http.get(f"http://{self.address}:{probe.port}{probe.path}", allow_redirects=False) as response:
            return response.status < 400

    def _see(self, *, started: bool, ready: bool) -> None:
        if (started, ready) != (self.started, self.ready):
            self.started, self.ready = started, ready
            self._changed()
