"""Keys of a publisher for tests: real Ed25519, made anew, in no file of the project."""

import secrets
from typing import Final, final

from app.core.release.envelope import Sign
from app.core.release.keys import ReleaseKey
from app.server.identity import primitives
from app.server.identity.keys import verify

verify_release: Final = verify


@final
class PublishersKey:
    """A key that signs, and its public half as a program knows it."""

    def __init__(self, name: str = "test-a") -> None:
        self._signing = primitives.signing_key(secrets.token_bytes(32))
        self.known = ReleaseKey(id=name, public=self._signing.public_key().public_bytes_raw().hex())

    @property
    def signer(self) -> tuple[str, Sign]:
        """As `Form.seal` wants it."""
        return self.known.id, self._signing.sign
