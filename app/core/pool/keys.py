"""Keys as the pure protocol sees them: who can sign, and who can tell a signature.

server/identity holds the keys and calls the cryptography; core gets these two in its place.
"""

from typing import Protocol

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


class Signer(Protocol):
    """A key of a device or of a pool."""

    @property
    def public(self) -> str:
        """64 hexadecimal digits: a `DeviceId` or a `PoolId`."""
        ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes: Ed25519 over exactly these bytes."""
        ...


class Verifier(Protocol):
    """Whether `signature` is that key's over `message`; False for whatever is not one."""

    def __call__(self, public: str, signature: bytes, message: bytes, /) -> bool:
        """`public` is 64 hexadecimal digits."""
        ...
