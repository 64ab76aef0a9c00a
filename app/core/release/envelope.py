"""Envelope: a statement of the publisher, with the signatures over exactly its bytes.

    {"signed": "{\"number\": 12, ...}", "signatures": [{"key": "2026-a", "signature": "..."}]}

A file of JSON that a person can read. `signed` is a text, and the signatures are Ed25519 over a
line that names the kind of statement and the UTF-8 bytes of that text as they stand there: nothing
is made canonical, so nothing depends on how another version would write it, and no statement can
be passed off as one of another kind. One good signature by a key that the program knows is enough;
two keys are known, so that one can be lost or replaced.

A valid signature alone would let whoever stands in between hold machines back: he could repeat an
old statement for ever. So each has a number that only rises and a day after which it counts no
more.
"""

import enum
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar, final

import msgspec

from app.core.release.keys import ReleaseKey

ENVELOPE_BYTES_MAX: Final = 256 * 1024
"""Far above any; who sends more sends something else."""

EARLY_SECONDS_MAX: Final = 86_400
"""A clock may be as much behind the publisher's before what it says of age is not believed."""

SIGNATURE_BYTES: Final = 64

Verify = Callable[[str, bytes, bytes], bool]
"""Whether `signature` is Ed25519 over `message` by `public`: (public, signature, message)."""

Sign = Callable[[bytes], bytes]
"""The 64 bytes of a signature over a message."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What every statement says of itself; others inherit it. Unknown fields are passed over."""

    number: int
    """Rises with every statement of its kind; who has seen one takes no lower one."""
    issued_at: int
    """Seconds since 1970 in UTC."""
    expires_at: int
    """Seconds since 1970 in UTC; after it the statement counts no more."""


@final
class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """One signature over the text."""

    key: str
    """`ReleaseKey.id`."""
    signature: str
    """128 hexadecimal digits."""


@final
class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The file."""

    signed: str
    signatures: tuple[Signature, ...]


class Refusal(enum.Enum):
    """Why a statement is not believed; the value is its word on the wire and in logs."""

    UNREADABLE = "unreadable"
    """No envelope, or one of another form than this version knows."""
    NO_KEYS = "no_keys"
    """This copy of the program was built without the publisher's keys."""
    UNKNOWN_KEY = "unknown_key"
    """Signed by nobody that this program knows."""
    BAD_SIGNATURE = "bad_signature"
    """A known key is named, but the signature is not its own over these bytes."""
    EARLY = "early"
    """Issued in what this machine takes for the future, so its clock says nothing of age."""
    EXPIRED = "expired"
    """Its last day is past."""
    REPLAYED = "replayed"
    """Older than one that was seen."""


SENTENCES: Final = {
    Refusal.UNREADABLE: "it is not in a form that this version can read",
    Refusal.NO_KEYS: "this copy of Athanor was built without its publisher's keys",
    Refusal.UNKNOWN_KEY: "it is signed by nobody that this copy of Athanor knows",
    Refusal.BAD_SIGNATURE: "its signature does not fit: it was changed after it was signed",
    Refusal.EARLY: "it is dated in the future: the clock of this computer is wrong",
    Refusal.EXPIRED: "it is too old to be believed, or the clock of this computer is wrong",
    Refusal.REPLAYED: "it is older than one that was seen here before",
}
"""How a sentence ends that begins with what was refused."""

S = TypeVar("S", bound=Statement)


@final
class Form(Generic[S]):
    """One kind of statement: `title` is what the signed bytes begin with."""

    def __init__(self, title: str, struct: type[S]) -> None:
        self._line = f"athanor {title}\n".encode()
        self._encoder = msgspec.json.Encoder()
        self._decoder: msgspec.json.Decoder[S] = msgspec.json.Decoder(struct)

    def message(self, text: str) -> bytes:
        """The bytes that are signed."""
        return self._line + text.encode()

    def seal(self, statement: S, signers: Iterable[tuple[str, Sign]]) -> bytes:
        """The file, signed by each of (id of the key, what signs with it)."""
        text = msgspec.json.format(self._encoder.encode(statement), indent=1).decode()
        message = self.message(text)
        signatures = tuple(
            Signature(key=key, signature=sign(message).hex()) for key, sign in signers
        )
        envelope = Envelope(signed=text, signatures=signatures)
        return msgspec.json.format(msgspec.json.encode(envelope), indent=1) + b"\n"

    def read(self, text: str) -> S | None:
        """The statement in a text whose signature was checked."""
        try:
            return self._decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None


def open_signed(
    raw: bytes,
    form: Form[S],
    *,
    keys: Iterable[ReleaseKey],
    verify: Verify,
    now: int | None,
    number_min: int = 0,
) -> S | Refusal:
    """The statement in a file, or why it is not believed. Never raises, whatever the bytes.

    `now` is in seconds since 1970; None asks for no date, for what was believed when it came and
    is now read again from this machine's disk. `number_min` is the highest number that was seen.
    """
    known = {key.id: key for key in keys}
    if not known:
        return Refusal.NO_KEYS
    envelope = _envelope(raw)
    if envelope is None:
        return Refusal.UNREADABLE
    refusal = _refusal_of_signatures(envelope, form, known, verify)
    if refusal is not None:
        return refusal
    statement = form.read(envelope.signed)
    if statement is None:
        return Refusal.UNREADABLE
    return _refusal_of_age(statement, now, number_min) or statement


def _envelope(raw: bytes) -> Envelope | None:
    if len(raw) > ENVELOPE_BYTES_MAX:
        return None
    try:
        return msgspec.json.decode(raw, type=Envelope)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _refusal_of_signatures(
    envelope: Envelope, form: Form[S], known: dict[str, ReleaseKey], verify: Verify
) -> Refusal | None:
    message = form.message(envelope.signed)
    named = [each for each in envelope.signatures if each.key in known]
    for each in named:
        signature = _bytes(each.signature)
        if signature is not None and verify(known[each.key].public, signature, message):
            return None
    return Refusal.BAD_SIGNATURE if named else Refusal.UNKNOWN_KEY


def _bytes(digits: str) -> bytes | None:
    try:
        signature = bytes.fromhex(digits)
    except ValueError:
        return None
    return signature if len(signature) == SIGNATURE_BYTES else None


def _refusal_of_age(statement: Statement, now: int | None, number_min: int) -> Refusal | None:
    if now is not None and statement.issued_at > now + EARLY_SECONDS_MAX:
        return Refusal.EARLY
    if now is not None and statement.expires_at <= now:
        return Refusal.EXPIRED
    return Refusal.REPLAYED if statement.number < number_min else None
