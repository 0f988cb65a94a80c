"""Measures how long an answer from the cache takes: a `ragspan serve` process, a real Redis, one client.

The client asks the same question again and again, and the clock is at its socket. For comparison, a bare GET of the
same bytes takes turns with it. Then the same for a tenant with limits, which are counted in that Redis.

Run by `make bench`, or `python -m bench.cached_answer [requests]`. Needs redis-server or valkey-server on PATH.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from app.security.api_keys import key_entry, new_key
from tests.support.redis import PASSWORD, redis_server

REQUESTS = 2000
WARM_UP = 200
READY_TIMEOUT_S = 30
BODY = json.dumps({"query": "How fast does the spot pool drain?"}).encode()
DOCUMENT = "# Pools\n\nThe spot pool drains within thirty seconds of a notice.\n" + "".join(
    f"\n# Part {n}\n\n" + f"In part {n} the pools have machines of their own, and nothing is said of notices. " * 8
    for n in range(4)
)
LIMITS = {
    "RAGSPAN_TENANT_REQUESTS_PER_MINUTE": "1000000",
    "RAGSPAN_TENANT_TOKENS_PER_MINUTE": "1000000",
    "RAGSPAN_TENANT_CONCURRENT_QUESTIONS": "64",
}
RAGSPAN = str(Path(sys.executable).parent / "ragspan")


class Client:
    """One connection that sends a request and reads until its answer is whole."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes, is_whole: Callable[[bytes], bool]) -> bytes:
        self._socket.sendall(request)
        answer = b""
        while not is_whole(answer):
            answer += self._socket.recv(2**18)
        return answer


def http_is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(separator and lengths) and len(body) >= int(lengths[0].partition(b":")[2])


def redis_is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n")
    return bool(separator) and (head[:1] != b"$" or len(body) >= int(head[1:]) + 2)


def command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


@contextmanager
def service(folder: Path, redis_url: str, key: str, limits: Mapping[str, str]) -> Generator[tuple[int, int]]:
    """Serve one document from `folder`; yield the port and the process id."""
    folder.mkdir()
    (folder / "pools.md").write_text(DOCUMENT)
    settings = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "RAGSPAN_DATA_DIR": str(folder / "data"),
        "RAGSPAN_CACHE": "redis", "RAGSPAN_REDIS_URL": redis_url, "RAGSPAN_REDIS_PASSWORD": PASSWORD,
        "RAGSPAN_CACHE_TIMEOUT_S": "1", "RAGSPAN_API_KEYS": key_entry("bench", "default", key), **limits,
    }  # fmt: skip
    subprocess.run([RAGSPAN, "ingest", str(folder / "pools.md")], env=settings, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        settings["RAGSPAN_PORT"] = str(port := probe.getsockname()[1])
    with subprocess.Popen([RAGSPAN, "serve"], env=settings, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_ready(port)
            yield port, process.pid
        finally:
            process.terminate()


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            return urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def timed_ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def report(name: str, times_ms: list[float]) -> float:
    p50, p99 = statistics.median(times_ms), sorted(times_ms)[int(len(times_ms) * 0.99)]
    print(f"{name:28}p50 {p50:7.3f} ms   p99 {p99:7.3f} ms   least {min(times_ms):7.3f} ms")
    return p50


def measure(name: str, folder: Path, redis_url: str, limits: Mapping[str, str], requests: int) -> None:
    key = new_key()
    request = (
        b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (key.encode(), len(BODY)) + BODY
    )
    with service(folder, redis_url, key, limits) as (port, pid):
        asking, redis = Client(port), Client(int(redis_url.rpartition(":")[2]))
        redis.ask(command(b"AUTH", PASSWORD.encode()), redis_is_whole)
        redis.ask(command(b"FLUSHALL"), redis_is_whole)
        asking.ask(request, http_is_whole)
        kept = redis.ask(command(b"KEYS", b"ragspan:answer:*"), lambda answer: answer.count(b"\r\n") >= 3)
        get = command(b"GET", kept.split(b"\r\n")[2])
        hits_ms: list[float] = []
        gets_ms: list[float] = []
        for _ in range(requests + WARM_UP):
            hits_ms.append(timed_ms(lambda: asking.ask(request, http_is_whole)))
            gets_ms.append(timed_ms(lambda: redis.ask(get, redis_is_whole)))
        answer = asking.ask(request, http_is_whole)
        assert b'"cached":"exact"' in answer, answer[-500:]
        rss_kib = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line)
    ratio = report(name, hits_ms[WARM_UP:]) / report("bare GET of it", gets_ms[WARM_UP:])
    print(f"ratio of the medians {ratio:.1f}; {len(answer)} bytes; {rss_kib}; load average {os.getloadavg()[0]:.1f}")


def main(requests: int = REQUESTS) -> None:
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as url:
        measure("kept answer, /v1/query", Path(name) / "free", url, {}, requests)
        measure("the same with limits", Path(name) / "limited", url, LIMITS, requests)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
