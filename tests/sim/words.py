"""The model of the simulation: an answer is a function of its request, so anybody can check it.

A token other than 0 is a word; token 0 is one that says nothing, which only a liar sends. As models
do, this one says in two tokens at times what one would: the canonical count of an honest answer may
be below its tokens.
"""

from collections.abc import Sequence
from itertools import pairwise

from app.core.base.ids import RequestId
from app.core.pool.jobs.job import Counted
from app.wire.engine import Generate, Measure, PromptText, Said

SILENT = 0
SHA256 = "ab" * 32
OTHER_SHA256 = "cd" * 32


def prompt(key: int, length: int, *, is_bad: bool = False, is_poison: bool = False) -> Generate:
    """A request whose answer has `length` words of `key`. A bad one is refused by every worker; a
    poisonous one brings every engine down."""
    mark = "bad" if is_bad else "poison" if is_poison else "good"
    return Generate(request=RequestId(f"r{key}"), prompt=PromptText(text=f"{key}:{length}:{mark}"))


def read(body: Generate) -> tuple[int, int, str]:
    """Key, length and mark of a request."""
    assert isinstance(body.prompt, PromptText)
    key, length, mark = body.prompt.text.split(":")
    return int(key), int(length), mark


def token(key: int, place: int) -> int:
    """The word at that place of the answer."""
    return 1 + (key * 2_654_435_761 + place * 40_503 + place * place * 7) % 49_999


def answer(key: int, length: int) -> list[int]:
    """The whole answer."""
    return [token(key, place) for place in range(length)]


def text(tokens: list[int]) -> str:
    """What the tokens say."""
    return "".join(f"{one} " for one in tokens if one != SILENT)


def canonical(tokens: Sequence[int]) -> int:
    """How many tokens say the same at least: about one of nine that speak is not needed."""
    said = [one for one in tokens if one != SILENT]
    return len(said) - sum(one % 3 == 0 == other % 3 for one, other in pairwise(said))


def prompt_tokens(key: int) -> int:
    """How long the prompt of a request is."""
    return 1 + key % 40


def count(measure: Measure) -> Counted:
    """What a vocabulary says of an attempt."""
    work = measure.work
    assert isinstance(work, Generate)
    key, _, _ = read(work)
    told = "".join(part.text for part in measure.parts if isinstance(part, Said))
    return Counted(
        prompt_tokens=prompt_tokens(key),
        answer_tokens=canonical(measure.tokens),
        differs="" if told == text(measure.tokens) else "parts",
    )
