"""What a browser's headers say about where a request comes from."""

import pytest

from app.security.hosts import host_name, is_loopback
from app.security.origins import is_foreign

HOST = "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("site", "origin"),
    [
        (None, None),
        ("same-origin", "http://127.0.0.1:8000"),
        ("none", None),
        (None, "http://127.0.0.1:8000"),
        (None, "https://127.0.0.1:8000"),
    ],
)
def test_our_own_page_and_clients_that_are_no_browser_pass(site: str | None, origin: str | None) -> None:
    assert not is_foreign(site, origin, HOST)


@pytest.mark.parametrize(
    ("site", "origin"),
    [
        ("cross-site", None),
        ("same-site", "http://127.0.0.1:8000"),
        (None, "http://evil.example"),
        (None, "http://127.0.0.1:9000"),
        (None, "http://localhost:8000"),
        (None, "null"),
        (None, ""),
        (None, "http://["),
        (None, "127.0.0.1:8000"),
        ("", None),
        ("same-origin", "http://evil.example"),
    ],
)
def test_a_page_of_another_origin_is_foreign(site: str | None, origin: str) -> None:
    assert is_foreign(site, origin, HOST)


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:80", "localhost"),
        ("[::1]:8000", "::1"),
        ("[::1]", "::1"),
        ("localhost:@evil.example", ""),
        ("localhost:80/evil", ""),
        ("[::1]evil.example", ""),
        ("", ""),
    ],
)
def test_a_host_header_is_reduced_to_its_name(authority: str, name: str) -> None:
    assert host_name(authority) == name


def test_loopback_is_told_by_address_not_by_prefix() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "127.0.0.1.evil.example", "10.0.0.1", ""))
