"""Methods and addresses as clients that are not ours use them: HEAD, and a slash too many."""

import httpx
import pytest

from app.security.api_keys import key_entry, new_key
from tests.app.api.conftest import Serve

pytestmark = pytest.mark.anyio
PATHS = ("/", "/healthz", "/readyz", "/metrics", "/v1/models", "/v1/documents", "/v1/documents/none", "/nowhere")


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    for path in PATHS:
        shown, head = await client.get(path), await client.head(path)
        assert (path, head.status_code, head.content) == (path, shown.status_code, b"")
        assert head.headers["content-type"] == shown.headers["content-type"]
        assert int(head.headers["content-length"]) > 0


async def test_head_needs_what_get_needs(serve: Serve) -> None:
    asker = new_key()
    async with serve(api_keys=key_entry("ci", "acme", asker, scopes=["admin"])) as client:
        assert (await client.head("/v1/documents")).status_code == 401
        assert (await client.head("/v1/documents", headers={"X-API-Key": asker})).status_code == 403
        assert (await client.head("/v1/models", headers={"X-API-Key": asker})).status_code == 200


async def test_head_is_no_way_to_ask(client: httpx.AsyncClient) -> None:
    assert (await client.head("/v1/query")).status_code == 405


@pytest.mark.parametrize("path", ["/v1/query/", "/query/", "/v1/documents/", "/v1/chat/completions/", "/session/"])
async def test_a_slash_too_many_is_told_and_sends_nobody_elsewhere(client: httpx.AsyncClient, path: str) -> None:
    """A redirect would name http:// behind a proxy that ends TLS, and a client sends its question there."""
    response = await client.post(path, json={"query": "Which colour?"})
    assert (response.status_code, "location" in response.headers) == (404, False)
