"""PoolKey: how a pool's API key is written, so that it is found quickly and recognised when leaked.

    athp_k3v9x0q2ab_J6r...40 characters of chance...c5Ys2B9q
         id         secret                          6 of checksum

The id is no secret: it finds the row, whose digest the whole key is compared with. The checksum
lets scanners of leaked secrets, and the door, tell a key from other text without asking a database.
"""

import hashlib
import hmac
import re
from typing import Final

PREFIX: Final = "athp_"
ID_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
SECRET_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"  # noqa: S105  # all there are
ID_LENGTH: Final = 10
SECRET_LENGTH: Final = 40
"""238 bits: a plain hash is enough, there is no dictionary to guess from."""
_SUM_LENGTH: Final = 6

PATTERN: Final = rf"athp_[a-z0-9]{{{ID_LENGTH}}}_[A-Za-z0-9]{{{SECRET_LENGTH + _SUM_LENGTH}}}"
"""What a scanner of leaked secrets looks for; the checksum then excludes the rest."""

_KEY: Final = re.compile(PATTERN)


def written(key_id: str, secret: str) -> str:
    """The key as it is shown, once. Both are by chance, of the lengths and alphabets above."""
    body = f"{PREFIX}{key_id}_{secret}"
    key = body + _checksum(body)
    assert _KEY.fullmatch(key), "id or secret is not of its alphabet and length"
    return key


def shown(key_id: str) -> str:
    """The beginning of the key, by which its owner tells it from others."""
    return f"{PREFIX}{key_id}"


def id_of(text: str) -> str | None:
    """The id in a key; None for any text that cannot be one."""
    if not _KEY.fullmatch(text) or text[-_SUM_LENGTH:] != _checksum(text[:-_SUM_LENGTH]):
        return None
    return text[len(PREFIX) : len(PREFIX) + ID_LENGTH]


def digest_of(text: str) -> bytes:
    """What is stored of a key: its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def is_same(stored: bytes, presented: bytes) -> bool:
    """Whether two digests are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(stored, presented)


def _checksum(body: str) -> str:
    number = int.from_bytes(hashlib.sha256(body.encode()).digest()[:8], "big")
    letters = []
    for _ in range(_SUM_LENGTH):
        number, digit = divmod(number, len(SECRET_ALPHABET))
        letters.append(SECRET_ALPHABET[digit])
    return "".join(letters)
