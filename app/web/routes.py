"""The page for people: one HTML file that names its assets, served with a policy that allows nothing else to run.

The page is a client of the public HTTP API like any other; no route here reads or changes data.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from string import Template
from types import MappingProxyType

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, Response

from app.ingest.parsing import PARSERS

HERE = Path(__file__).parent
MEDIA_TYPES = MappingProxyType({".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"})
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
SECURITY_HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)

router = APIRouter(include_in_schema=False)


@router.get("/")
def page() -> HTMLResponse:
    """Serve the page. Asset addresses contain a hash of their content, so a new release never meets an old script."""
    return HTMLResponse(rendered_page(), headers={**SECURITY_HEADERS, "Cache-Control": "no-cache"})


@router.get("/assets/{version}/{name}")
def asset(version: str, name: str) -> Response:
    """Serve one of the page's assets; 404 for an unknown name or the version of another release."""
    content = assets().get(name)
    if content is None or version != assets_version():
        raise HTTPException(404)
    headers = {**SECURITY_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=MEDIA_TYPES[Path(name).suffix], headers=headers)


@cache
def assets() -> Mapping[str, bytes]:
    """The page's assets: content by file name."""
    return {path.name: path.read_bytes() for path in (HERE / "assets").iterdir() if path.suffix in MEDIA_TYPES}


@cache
def assets_version() -> str:
    """Prefix of the SHA-256 over all assets."""
    return sha256(b"".join(content for _, content in sorted(assets().items()))).hexdigest()[:16]


@cache
def rendered_page() -> str:
    template = Template((HERE / "page.html").read_text(encoding="utf-8"))
    return template.substitute(assets=f"assets/{assets_version()}", accept=",".join(PARSERS))
