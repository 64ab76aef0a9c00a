"""Lies: what workers send that no honest one does."""

from random import Random
from typing import Literal, get_args

import msgspec

from app.wire.engine import Delta, Said
from app.wire.pool import Chunk
from tests.sim import words

Character = Literal[
    "honest",
    "inflates",  # its receipts say more than it computed
    "pads",  # tokens that say nothing, to be paid for more
    "garbles",  # text that is not what its tokens say
    "overlaps",  # begins before the end of what was delivered
    "doubles",  # sends a chunk twice
    "gaps",  # leaves tokens out
    "talks_on",  # past max_tokens, and past the end
    "early",  # speaks before it accepts
    "stalls",  # accepts and says nothing more, at some token
    "refuses",  # says that every request is wrong
    "fails",  # says that its engine fell
    "forges",  # receipts under a wrong signature
    "replays",  # the receipt of an earlier job
    "forks",  # signs two receipts of one number
    "claims",  # speaks for attempts of others
]

LIARS: tuple[Character, ...] = tuple(one for one in get_args(Character) if one != "honest")


def twisted(character: Character, chunk: Chunk, random: Random) -> list[Chunk]:
    """The chunks that such a worker sends in the place of an honest one."""
    if character == "honest" or random.random() < 0.5:
        return [chunk]
    match character:
        case "doubles":
            return [chunk, chunk]
        case "overlaps":
            return [msgspec.structs.replace(chunk, first=max(0, chunk.first - 1))]
        case "gaps":
            return [msgspec.structs.replace(chunk, first=chunk.first + 2)]
        case "pads":
            return [_with_tokens(chunk, [*chunk.tokens, words.SILENT, words.SILENT])]
        case "garbles":
            return [_with_text(chunk, "nonsense ")]
        case _:
            return [chunk]


def _with_tokens(chunk: Chunk, tokens: list[int]) -> Chunk:
    events = [
        msgspec.structs.replace(e, token_ids=tokens, tokens=len(tokens))
        if isinstance(e, Delta)
        else e
        for e in chunk.events
    ]
    return msgspec.structs.replace(chunk, tokens=tokens, events=events)


def _with_text(chunk: Chunk, text: str) -> Chunk:
    events = [
        msgspec.structs.replace(e, parts=[Said(text=text)]) if isinstance(e, Delta) else e
        for e in chunk.events
    ]
    return msgspec.structs.replace(chunk, events=events)
