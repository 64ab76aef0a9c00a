"""The cryptography that is used, in one place: Ed25519, X25519, HKDF-SHA256, ChaCha20-Poly1305.

Importing this costs 30 ms and 8 MB, which a node without a pool does not pay: the other modules of
this folder import it when they are called.
"""

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32

SigningKey = Ed25519PrivateKey
AgreementKey = X25519PrivateKey


def derive(secret: bytes, info: bytes) -> bytes:
    """32 bytes for one purpose, by HKDF-SHA256 without salt."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(secret)


def signing_key(seed: bytes) -> SigningKey:
    """The Ed25519 key of a 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def agreement_key(seed: bytes) -> AgreementKey:
    """The X25519 key of 32 bytes."""
    return X25519PrivateKey.from_private_bytes(seed)


def is_signature(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is that key's over the message; False for what is no key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def agree(mine: AgreementKey, theirs: bytes) -> bytes | None:
    """The shared secret; None for a public key that is none, or one that gives it away."""
    try:
        return mine.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        return None


def encrypt(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Ciphertext and tag."""
    return ChaCha20Poly1305(key).encrypt(nonce, plaintext, associated)


def decrypt(key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes | None:
    """The plaintext; None where anything was changed."""
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, associated)
    except (InvalidTag, ValueError):
        return None
