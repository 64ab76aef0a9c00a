"""Reading on: a request that offers another protocol is answered as if it offered none.

RFC 9110, 7.8, lets a server pass over such an offer, and clients count on it: Java's HTTP client
offers HTTP/2 with the first request of a connection, and with it JetBrains' programs, Spring and
LangChain4j. httptools stops behind the head of such a request; uvicorn would answer it without its
body, and read the body as the head of the next one. So the head is read again without the offer.
"""

from typing import Final, final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_OF_THE_OFFER: Final = (b"upgrade", b"http2-settings")
"""The headers of an offer, and how `Connection` names them."""


@final
class ReadingOn(HttpToolsProtocol):
    """uvicorn's protocol over httptools; of all offers it heeds that of a WebSocket alone."""

    def data_received(self, data: bytes) -> None:
        """As uvicorn's. Several requests may have come at once, each with an offer."""
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as stop:
                if not self._is_passed_over():
                    if self._should_upgrade():
                        self.handle_websocket_upgrade()
                    return
                data = self._head_without_offer() + data[stop.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
                return

    def on_headers_complete(self) -> None:
        """As uvicorn's; a head that is read again begins nothing yet."""
        if not self._is_passed_over():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """As uvicorn's; likewise."""
        if not self._is_passed_over():
            super().on_message_complete()

    def _is_passed_over(self) -> bool:
        """Whether the request is to be read again. httptools stops behind a CONNECT too, which is
        no offer, and is refused.
        """
        if not self.parser.should_upgrade() or self._should_upgrade():
            return False
        return self.parser.get_method() != b"CONNECT"

    def _head_without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                kept = [each for each in value.split(b",") if not _is_offer(each)]
                lines.append(name + b": " + b",".join(kept))
            elif not _is_offer(name):
                lines.append(name + b": " + value)
        return b"\r\n".join((*lines, b"", b""))


def _is_offer(name: bytes) -> bool:
    return name.strip().lower() in _OF_THE_OFFER
