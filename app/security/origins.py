"""What a foreign web page can make a browser do here: nothing that changes state or costs work.

A browser tells where a request comes from (`Sec-Fetch-Site`, `Origin`), and a page cannot alter that; other clients
send neither header and pass. There are no CORS headers, so foreign pages cannot read answers either.
"""

CHANGING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def is_foreign(sec_fetch_site: str | None, origin: str | None, host: str | None) -> bool:
    """Whether a browser says that the request was made by a page of another origin."""
    if sec_fetch_site is not None and sec_fetch_site not in {"same-origin", "none"}:
        return True
    # The scheme is ignored: behind a proxy that terminates TLS we see http where the browser sees https.
    return origin is not None and origin.partition("://")[2].lower() != (host or "").lower()
