"""A page of another origin, and what it tries."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SEND = """async ([address, method, options]) => {
  const body = new FormData();
  body.append("file", new File(["planted"], "planted.txt"));
  const json = JSON.stringify({ query: "What is secret?" });
  const sent = method === "GET" ? {} : { body: address.endsWith("query") ? json : body };
  try {
    const response = await fetch(address, { method, ...sent, ...options });
    return response.type === "opaque" ? "opaque" : await response.text();
  } catch (error) {
    return error.name;
  }
}"""


class ForeignPage(BaseHTTPRequestHandler):
    """A page with a form that posts to whatever address stands in its query."""

    def do_GET(self) -> None:
        body = f"""<!doctype html><title>foreign</title><form method="post" enctype="multipart/form-data"
          action="{urlsplit(self.path).query}"><input type="file" name="file"><button>Win a prize</button></form>"""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the name is the base class's


@contextmanager
def foreign_page(host: str) -> Generator[str, None, None]:
    """Address of a page on another port, by this name of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), ForeignPage) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://{host}:{server.server_port}/"
        server.shutdown()
