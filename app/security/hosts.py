"""The Host header must name this service: that stops a page which rebinds its own DNS name to our address.

Probes and the metrics scraper reach a pod by its IP address, so their paths answer under any name; they reveal nothing
about documents or questions.
"""

import ipaddress

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
PROBE_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address reaches this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_name(authority: str) -> str:
    """Return the name of `name:port`, `[::1]:port` or either without a port, in lower case."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()
