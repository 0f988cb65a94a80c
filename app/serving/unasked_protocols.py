"""uvicorn's HTTP protocol, ignoring a client's offer to switch to another protocol (RFC 9110, section 7.8).

Java's HTTP client offers HTTP/2 with the first request of each connection without TLS. To the parser, such an offer
ends HTTP/1.1 after the head: the body would be lost, then read as another request.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneProtocol(HttpToolsProtocol):
    """Parses a request that contains an offer again, without the offer."""

    parser: httptools.HttpRequestParser
    _without_offer = b""

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = self._without_offer + data[offer.args[0] :] if self._without_offer else b""
                self._without_offer = b""
            except httptools.HttpParserError:
                self.send_400_response("")
                return
            else:
                return

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            fields = (b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade")
            first = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
            self._without_offer = b"".join((first, *fields, b"\r\n"))
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._without_offer:
            super().on_message_complete()
