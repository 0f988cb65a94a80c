"""The page's own files: what they are served with, and that nothing in them needs an exception from the policy."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.web.routes import router


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.include_router(router)
    return TestClient(app)


def addresses(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"#]+)"', page)


def test_the_page_may_run_and_load_only_its_own_files(client: TestClient) -> None:
    headers = client.get("/").headers
    policy = dict(directive.split(" ", 1) for directive in headers["Content-Security-Policy"].split("; "))
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert {"default-src", "base-uri", "frame-ancestors"} <= {
        name for name, value in policy.items() if value == "'none'"
    }
    assert set(policy.values()) == {"'none'", "'self'"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_page_carries_no_inline_script_or_style(client: TestClient) -> None:
    page = client.get("/").text
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", page)


def test_the_page_refers_to_its_own_files_only_and_by_relative_address(client: TestClient) -> None:
    found = addresses(client.get("/").text)
    assert len(found) >= 4
    assert all(re.fullmatch(r"assets/[0-9a-f]{16}/[a-z]+\.(css|js|svg)", address) for address in found)


def test_each_asset_has_its_type_and_is_cached_for_good(client: TestClient) -> None:
    for address in addresses(client.get("/").text):
        response = client.get(f"/{address}")
        assert response.status_code == 200, address
        assert response.headers["Content-Type"].split(";")[0] in {"text/css", "text/javascript", "image/svg+xml"}
        assert "immutable" in response.headers["Cache-Control"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_modules_that_the_script_imports_are_served_beside_it(client: TestClient) -> None:
    script = next(address for address in addresses(client.get("/").text) if address.endswith("page.js"))
    imported = re.findall(r'from "\./([a-z]+\.js)"', client.get(f"/{script}").text)
    assert imported
    for name in imported:
        assert client.get(f"/{script.removesuffix('page.js')}{name}").status_code == 200, name


@pytest.mark.parametrize(
    "address", ["/assets/0000000000000000/page.js", "/assets/{version}/routes.py", "/assets/page.js"]
)
def test_another_release_or_another_file_is_not_found(client: TestClient, address: str) -> None:
    version = addresses(client.get("/").text)[0].split("/")[1]
    assert client.get(address.format(version=version)).status_code == 404


def test_the_page_is_asked_for_again_each_time(client: TestClient) -> None:
    assert client.get("/").headers["Cache-Control"] == "no-cache"
