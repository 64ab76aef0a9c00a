"""Endpoint: the WebSocket that members open, as the socket that the host's connections use.

Whoever comes proves a key in the greeting, so no key of the API is asked for here. A browser's page
has nothing to say here: its Origin is enough to refuse it.
"""

from collections.abc import Callable
from typing import final

from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect

from app.server.web.doorway import ADMIT
from app.server.web.pool.services import host_of
from app.wire.opening import SOCKET_PATH

_POLICY = 1008
_NORMAL = 1000
_GOING = 1001
_REASON_BYTES_MAX = 100
"""A close frame has room for 123."""


@websocket(SOCKET_PATH)
async def member(socket: WebSocket[None, None, State]) -> None:
    """One member, until its connection is over."""
    if "origin" in socket.headers:
        await socket.close(code=_POLICY, reason="no page of a browser is a member")
        return
    await socket.accept()
    await host_of(socket).connections.serve(_Socket(socket))


@final
class _Socket:
    """litestar's WebSocket in the words of the host."""

    def __init__(self, socket: WebSocket[None, None, State]) -> None:
        self._socket = socket
        client = socket.scope.get("client")
        self.address = "" if client is None else client[0]
        self._is_over = False

    async def receive(self) -> bytes | None:
        message = await self._socket.receive()
        if message["type"] != "websocket.receive":
            self._is_over = True
            return None
        data = message.get("bytes")
        return data if data is not None else b""

    async def send(self, data: bytes) -> None:
        if self._is_over:
            raise ConnectionResetError("the connection is over")
        try:
            await self._socket.send({"type": "websocket.send", "bytes": data, "text": None})
        except (WebSocketDisconnect, RuntimeError) as error:
            # uvicorn's word for a message after the end is a RuntimeError.
            self._is_over = True
            raise ConnectionResetError("the connection is over") from error

    async def close(self, reason: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        code = _GOING if reason else _NORMAL
        cut = reason.encode()[:_REASON_BYTES_MAX].decode("utf-8", "ignore")
        try:
            await self._socket.send({"type": "websocket.close", "code": code, "reason": cut})
        except (WebSocketDisconnect, RuntimeError):
            return

    def admit(self) -> None:
        admit: Callable[[], None] | None = self._socket.scope["state"].get(ADMIT)
        if admit is not None:
            admit()
