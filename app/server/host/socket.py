"""Socket: what the host needs of a WebSocket, whichever library carries it."""

from typing import Protocol


class Socket(Protocol):
    """One connection of a member. Used by one task that receives and one that sends."""

    @property
    def address(self) -> str:
        """Of the other end, for limits; never logged."""

    async def receive(self) -> bytes | None:
        """The next binary message; None when the connection is over. A text is b""."""

    async def send(self, data: bytes) -> None:
        """Waits while the other end reads slowly. Raises: OSError when the connection is over."""

    async def close(self, reason: str) -> None:
        """Ends the connection; may be called at any time and twice."""

    def admit(self) -> None:
        """The device has proved its key: from now on messages may be as large as in a session."""
