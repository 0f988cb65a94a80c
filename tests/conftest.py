"""What holds for every test: it talks to this machine only, ends in time, and says which parts it misses."""

import sys

import pytest

from tests.support import parts

LOCAL_HOSTS = (None, "", "localhost", "127.0.0.1", "::1", b"localhost", b"127.0.0.1", b"::1")


def refuse_other_hosts(event: str, args: tuple[object, ...]) -> None:
    """Audit hook: a test that would reach another machine fails here, before the first packet."""
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]  # pyright: ignore[reportUnknownVariableType]
    else:
        return
    if host not in LOCAL_HOSTS:
        raise AssertionError(f"A test tried to reach {host}; tests may talk to this machine only.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(part): a program of tests/support/parts.py without which it is skipped")
    sys.addaudithook(refuse_other_hosts)
    sys.warnoptions.append("default")  # else importing weaviate turns warnings from errors into mere output


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    parts.check_marks(items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    parts.require(item)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, tests in parts.missing_parts.items():
        terminalreporter.write_line(f"not here: {name}, so {tests} tests did not run; {parts.PARTS[name].how_to_get}")
