"""The Host header must name this service: that stops a page which rebinds its own DNS name to our address.

Probes and the metrics scraper reach a pod by its IP address, so their paths answer under any name; they reveal nothing
about documents or questions.
"""

import ipaddress
import re

NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
AUTHORITY = re.compile(r"(?:\[([^\]]+)\]|([^:]+))(?::[0-9]*)?")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
PROBE_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address reaches this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_host_name(text: str) -> bool:
    """Whether it is a name or an address alone, in lower case: no scheme, port, path or wildcard is with it."""
    try:
        return bool(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return NAME.fullmatch(text) is not None


def host_name(authority: str) -> str:
    """Return the name of `name:port`, `[::1]:port` or either without a port, in lower case; empty for anything else."""
    form = AUTHORITY.fullmatch(authority)
    return (form[1] or form[2]).lower() if form else ""
