"""docs/protocol.md, drawn from the tables and Structs of the pool's protocol.

`python -m app.cli.protocol_document > docs/protocol.md` writes it, and a test compares.
"""

import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeVar

import msgspec

from app.cli.document import sentences_of
from app.cli.protocol_sequences import sequences
from app.core.pool import chain, channel, commitments, counts, sealing, signed, tables
from app.core.pool.channel import LIMITS
from app.core.pool.checkpoint import CHECKPOINT, CheckpointBody
from app.core.pool.counts import COUNTS, CountStatement
from app.core.pool.proofs import host_statement, node_statement, sealing_statement
from app.core.pool.receipt import RECEIPT, VERDICT, Receipt, Verdict
from app.core.pool.sealing import SealedPiece, SealedRequest
from app.core.pool.tables import FRAMES, FrameRule, tag_of
from app.wire import opening, pool
from app.wire.message import Message
from app.wire.opening import DenialCode, Envelope, FaultCode, OverCode
from app.wire.pool import OfferedModel, Quote, Sealed

Phase = TypeVar("Phase", bound=str)
Step = TypeVar("Step", bound=str)

_HEAD: Final = """\
# The protocol of a pool

*Drawn from `app/wire/opening.py`, `app/wire/pool.py` and `app/core/pool` by
`python -m app.cli.protocol_document > docs/protocol.md`; a test compares the two.*

A node opens one WebSocket to its host, outwards, so that no port has to be opened at home. Each
binary message is one [envelope](#envelope) in msgpack. The code that decides is without sockets, a
clock or chance (`core/pool/node_session.py`, `host_greeting.py`, `host_session.py`), and looks
into the tables below.

An address begins with `wss://`; `ws://` is for a network whose every machine is trusted: the
handshake keeps strangers out there too, but who can change bytes on the way can do so after it.
"""

_INVITE: Final = """\

## Invites

`athanor://join/` and base32 without padding; by itself the base32 is the same invite, whatever its
case, spaces and dashes. A QR code takes the whole in capital letters, which it packs most densely.

| bytes | what |
|---|---|
| 1 | version: 1 |
| 32 | the pool's public key |
| 16 | secret, by chance: the host stores its SHA-256 |
| 1 | for what: 0 an account, 1 a device of the inviter's account, 2 a friend |
| 2 | how often it may be used |
| 5 | until when: seconds since 1970 |
| 1 + n | the host's address, UTF-8, at most 120 bytes |
| 1 + n | who invites, UTF-8, at most 40 bytes |
| 64 | the pool's signature over `athanor invite 1\\n` and all before |

Form, signature and time are checked before anything is dialled; whether a use is left, by the host.
"""

_READERS: Final = """\

## Who can read what

| | the host's operator | the machine that computes | who listens (`wss`) |
|---|---|---|---|
| a request by an API client | all of it | all of it | nothing |
| a request by a member's node | all of it | all of it | nothing |
| a sealed request | who asks whom, when, model, sizes, counts | all of it | nothing |
| receipts, verdicts, checkpoints | counts and prices | its own | nothing |

Nobody can check by cryptography that a machine forgets what it computed: who must not read a
prompt must not be in the circle that it is sent to. Prompts and answers are in memory only, on
every machine (docs/adr/0007-no-content-anywhere.md).

A request is sealed to a key that the worker's device has signed. The host passes that key on, and
could pass on another with a device id of its own making: sealing keeps out a host that is curious,
and one that lies is found by comparing the device's id with its owner once.
"""

_WORDS: Final[dict[object, str]] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", bytes: "bytes",
    type(None): "nothing", object: "anything", msgspec.Raw: "a frame",
}  # fmt: skip


def protocol_document() -> str:
    """The whole page, in Markdown."""
    return "".join([
        _HEAD,
        *_opening(),
        *_session(),
        *sequences(),
        *_frames(),
        _INVITE,
        *_statements(),
        f"\n## Commitments\n\n{_prose(commitments)}\n",
        f"\n## Sealed jobs\n\n{_prose(sealing)}\n",
        *_fields("Sealed", Sealed),
        *_fields("Sealed request", SealedRequest),
        *_fields("Sealed piece", SealedPiece),
        f"\n### Counts of a sealed job\n\n{_prose(counts)}\n",
        _READERS,
    ])  # fmt: skip


def _opening() -> Iterator[str]:
    yield f"\n## How a session begins and ends\n\n{_prose(opening)}\n"
    for statement in (host_statement, node_statement, sealing_statement):
        (label,) = [
            constant.partition(b"\n")[0].decode()
            for constant in statement.__code__.co_consts
            if isinstance(constant, bytes)
        ]
        yield "\n" + _wrapped(f"`{label}`: {inspect.getdoc(statement)}")
    yield "\n### The node\n\n"
    yield from _transitions(tables.NODE)
    yield "\n### The host, for each socket\n\n"
    yield from _transitions(tables.GREETING)
    yield "\n### The host, for each session\n\n"
    yield from _transitions(tables.HOST)
    yield "\n### What is taken in which phase\n\n| | phase | frames |\n|---|---|---|\n"
    yield from _heard("node", tables.NODE_HEARS)
    yield from _heard("host, socket", tables.GREETING_HEARS)
    yield from _heard("host, session", tables.HOST_HEARS)
    yield "\n" + _wrapped(f"Refusals (`denied`): {_literals(DenialCode)}.")
    yield "\n" + _wrapped(f"Faults that end a session (`over`): {_literals(FaultCode)}.")
    others = [code for code in _words_of(OverCode) if code not in _words_of(FaultCode)]
    yield f"\nOther ends (`over`): {', '.join(f'`{code}`' for code in others)}.\n"


def _session() -> Iterator[str]:
    yield f"\n## Numbers and acknowledgements\n\n{_prose(channel)}\n"
    yield "\n| limit | value | |\n|---|---|---|\n"
    sentences = sentences_of(type(LIMITS))
    for name in type(LIMITS).__struct_fields__:
        yield f"| {name} | {getattr(LIMITS, name):,} | {sentences.get(name, '')} |\n"
    yield f"| message | {opening.ENVELOPE_BYTES_MAX:,} | Bytes of any message. |\n"
    yield f"| message of a greeting | {opening.HANDSHAKE_BYTES_MAX:,} | Bytes. |\n"
    yield from _fields("Envelope", Envelope)


def _frames() -> Iterator[str]:
    yield f"\n## Frames\n\n{_prose(pool)}\n"
    yield "\n| frame | from | bytes at most | answered by |\n|---|---|---|---|\n"
    for frame, rule in FRAMES.items():
        yield _row(frame, rule)
    for frame in FRAMES:
        yield from _fields(tag_of(frame), frame)
    yield from _fields("Offered model", OfferedModel)
    yield from _fields("Quote", Quote)


def _row(frame: type[Message], rule: FrameRule) -> str:
    answers = ", ".join(f"`{tag_of(answer)}`" for answer in rule.answers)
    number = "" if rule.is_numbered else " (no number)"
    senders = " and ".join(rule.senders)
    return f"| `{tag_of(frame)}`{number} | {senders} | {rule.bytes_max:,} | {answers} |\n"


def _statements() -> Iterator[str]:
    yield f"\n## Signed statements\n\n{_prose(signed)}\n"
    yield from _statement("Receipt", RECEIPT.line, Receipt)
    yield from _statement("Verdict", VERDICT.line, Verdict)
    yield from _statement("Checkpoint", CHECKPOINT.line, CheckpointBody)
    yield from _statement("Counts", COUNTS.line, CountStatement)
    yield f"\n### What a chain is checked for\n\n{_prose(chain)}\n"


def _statement(title: str, line: bytes, struct: type[msgspec.Struct]) -> Iterator[str]:
    yield from _fields(title, struct, first=f"First line `{line.decode().strip()}`. ")


def _fields(title: str, struct: type[msgspec.Struct], first: str = "") -> Iterator[str]:
    summary = inspect.cleandoc(struct.__doc__ or "")
    yield f"\n### {title}\n\n{first}{summary}\n"
    hints, sentences = typing.get_type_hints(struct), sentences_of(struct)
    names = struct.__struct_fields__
    if names:
        yield "\n"
    for name in names:
        sentence = f". {sentences[name]}" if name in sentences else ""
        yield _wrapped(f"- `{name}`: {_type(hints[name])}{sentence}", indent="  ")


def _transitions(table: Mapping[tuple[Phase, Step], Phase]) -> Iterator[str]:
    yield "| phase | what happens | phase after it |\n|---|---|---|\n"
    for (phase, step), after in table.items():
        yield f"| {phase} | {step} | {after} |\n"


def _heard(side: str, table: Mapping[Phase, tuple[type[Message], ...]]) -> Iterator[str]:
    for phase, frames in table.items():
        words = ", ".join(f"`{tag_of(frame)}`" for frame in frames) or "none"
        yield f"| {side} | {phase} | {words} |\n"


def _prose(module: types.ModuleType) -> str:
    """A module's docstring, its drawings as code."""
    lines: list[str] = []
    is_code = False
    for line in inspect.cleandoc(module.__doc__ or "").splitlines():
        indented = line.startswith("    ")
        if indented != is_code and (indented or line.strip()):
            if is_code:
                lines[-1:] = ["```", ""] if not lines[-1] else [lines[-1], "```", ""]
            else:
                lines += ["```"]
            is_code = indented
        lines.append(line)
    return "\n".join(lines + ["```"] * is_code)


def _wrapped(line: str, indent: str = "") -> str:
    return textwrap.fill(line, 100, subsequent_indent=indent, break_long_words=False) + "\n"


def _words_of(literal: object) -> list[str]:
    """The words of a Literal, or of a union of them."""
    arguments = typing.get_args(literal)
    return [w for a in arguments for w in ([a] if isinstance(a, str) else _words_of(a))]


def _literals(literal: object) -> str:
    return ", ".join(f"`{word}`" for word in _words_of(literal))


def _type(annotation: object) -> str:
    """A type in words."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return "one of " + ", ".join(f"`{word}`" for word in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(_type, arguments)))
    if origin is tuple and arguments[-1] is not Ellipsis:
        return f"{len(arguments)} of: {_type(arguments[0])}"
    if origin in (tuple, list):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"map of {_type(arguments[0])} to {_type(arguments[1])}"
    if isinstance(annotation, typing.NewType):
        return annotation.__name__
    if isinstance(annotation, type) and annotation not in _WORDS:
        return annotation.__name__
    return _WORDS[annotation]


if __name__ == "__main__":
    sys.stdout.write(protocol_document())
