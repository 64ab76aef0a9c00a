"""WebServer: uvicorn on our sockets, without its ways with signals and logs."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, final

import uvicorn

from app.server.web.http_protocol import http_protocol

KEPT_CONNECTION_SECONDS: Final = 75
"""Longer than clients keep idle connections in their pools, so that they close first: a request
sent into a connection that we are just closing would be lost."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed, else Python's own."""
    return uvicorn.Config("", loop="auto", log_config=None).get_loop_factory()


@final
class WebServer(uvicorn.Server):
    """Serves one ASGI application until `should_exit`.

    `is_open` is set when it accepts connections.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        *,
        http: type[asyncio.Protocol] | None = None,
        ws: type[asyncio.Protocol] | None = None,
        certificate: str | None = None,
        certificate_key: str | None = None,
    ) -> None:
        """`http` and `ws` stand in the place of uvicorn's protocols; without `ws` there are no
        WebSockets. With a certificate (PEM files) it speaks TLS.
        """
        config = uvicorn.Config(
            app,
            lifespan="off",
            http=http or http_protocol(),
            ws=ws or "none",
            ws_per_message_deflate=False,
            ssl_certfile=certificate,
            ssl_keyfile=certificate_key,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEPT_CONNECTION_SECONDS,
        )
        super().__init__(config)
        self.is_open = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves them to stopping.py."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and says when it is done."""
        await super().startup(sockets)
        self.is_open.set()
