"""Redis over TLS: a real server whose certificate an authority signed that is trusted here, or not."""

from collections.abc import Generator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.adapters.redis_connection import RedisAddress, RedisConnection
from app.ports import DependencyUnavailable
from tests.support.certificates import Certificates, issued
from tests.support.redis import PASSWORD, redis_server

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis")]
LONG_S = 10.0


@pytest.fixture(params=[True, False], ids=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issued(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Generator[str]:
    with redis_server(tmp_path_factory.mktemp("redis"), certificates=certificates) as url:
        yield url


async def said(url: str) -> bytes | str:
    """What a call brings: the reply, or why there is none."""
    redis = RedisConnection(RedisAddress(url=url, password=SecretStr(PASSWORD)))
    try:
        reply = await redis.call("ECHO", "over TLS", timeout_s=LONG_S)
    except DependencyUnavailable as error:
        return str(error)
    finally:
        await redis.close()
    assert isinstance(reply, bytes)
    return reply


async def test_a_server_of_a_trusted_authority_is_used(
    url: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    assert await said(url) == b"over TLS"


async def test_a_server_of_another_authority_is_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(issued(tmp_path).authority))
    where = url.removeprefix("rediss://")
    refused = await said(url)
    assert isinstance(refused, str)
    assert refused.startswith(f"Redis at {where} shows a certificate that is not trusted here (")


async def test_a_server_of_another_name_is_refused(
    url: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    refused = await said(url.replace("localhost", "127.0.0.1"))
    assert isinstance(refused, str)
    assert "not trusted here (IP address mismatch, certificate is not valid for '127.0.0.1')" in refused


async def test_without_tls_nothing_is_told_to_a_server_that_speaks_nothing_else(url: str) -> None:
    assert await said(url.replace("rediss://", "redis://")) == "the connection to Redis was lost"
