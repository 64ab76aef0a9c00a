"""DeviceKey and PoolKey: who this node is, and who this pool is.

Each is one secret of 32 bytes in a file; the keys for signing and for sealing are derived from it.
A public key in hexadecimal digits is the id: `DeviceId`, `PoolId`.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, final

from app.core.base.ids import DeviceId, PoolId
from app.server.identity.key_file import ensure_secret, read_secret

if TYPE_CHECKING:
    from app.server.identity.primitives import AgreementKey, SigningKey

DEVICE_TITLE: Final = "athanor device key 1"
POOL_TITLE: Final = "athanor pool key 1"

_SIGNING: Final = b"athanor signing 1"
_SEALING: Final = b"athanor sealing 1"


class _Key:
    """A secret and what is derived from it."""

    _title = ""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.public[:8]}>"

    @classmethod
    def ensure(cls, path: Path) -> Self:
        """The key in the file; a new one is made where there is none.

        Raises: KeyFileInvalid (damaged, or others can read it), OSError.
        """
        return cls(ensure_secret(path, cls._title))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The key in the file. Raises: FileNotFoundError, KeyFileInvalid, OSError."""
        return cls(read_secret(path, cls._title))

    @cached_property
    def _signing(self) -> SigningKey:
        from app.server.identity import primitives  # noqa: PLC0415  # costs 8 MB

        return primitives.signing_key(primitives.derive(self._secret, _SIGNING))

    @cached_property
    def public(self) -> str:
        """64 hexadecimal digits."""
        return self._signing.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> bytes:
        """64 bytes: Ed25519 over exactly these bytes."""
        return self._signing.sign(message)


@final
class DeviceKey(_Key):
    """A node's key: signs proofs and receipts, and opens what is sealed to it."""

    _title = DEVICE_TITLE

    @property
    def device(self) -> DeviceId:
        """Who this node is in every pool."""
        return DeviceId(self.public)

    @cached_property
    def _agreement(self) -> AgreementKey:
        from app.server.identity import primitives  # noqa: PLC0415  # costs 8 MB

        return primitives.agreement_key(primitives.derive(self._secret, _SEALING))

    @cached_property
    def sealing_key(self) -> bytes:
        """32 bytes: the public X25519 key, to which job bodies are sealed."""
        return self._agreement.public_key().public_bytes_raw()

    def agree(self, theirs: bytes) -> bytes | None:
        """The secret shared with an X25519 key; None where that is none."""
        from app.server.identity import primitives  # noqa: PLC0415  # costs 8 MB

        return primitives.agree(self._agreement, theirs)


@final
class PoolKey(_Key):
    """A host's key: signs challenges, verdicts, checkpoints and invites."""

    _title = POOL_TITLE

    @property
    def pool(self) -> PoolId:
        """Which pool this is."""
        return PoolId(self.public)


def verify(public: str, signature: bytes, message: bytes, /) -> bool:
    """Whether `signature` is that key's over `message`; False for whatever is not one."""
    from app.server.identity import primitives  # noqa: PLC0415  # costs 8 MB

    try:
        key = bytes.fromhex(public)
    except ValueError:
        return False
    return primitives.is_signature(key, signature, message)
