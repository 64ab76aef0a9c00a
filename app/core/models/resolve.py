"""Resolve: from any spelling of a name to the one model that is meant, or to the nearest ones.

A canonical name always means its own model. A spelling that fits several, such as a name without
its quantisation, means the one nearest to Q4_K_M, the larger of two as near, since that is what
llama.cpp and Ollama take; then the first in the library's order.
"""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from app.core.base.ids import ModelName
from app.core.models.names import NAME_LENGTH_MAX, key, readings
from app.core.models.quant import BITS

NEAREST_MAX: Final = 3
_NEAR_ENOUGH: Final = 0.5
_MISSPELT: Final = 0.2
"""Likeness by letters alone counts so much less: short names are alike by chance."""
_COMPARED_LENGTH: Final = 128
"""Characters that are compared for likeness, whose time grows with their square."""

_PREFERRED_BITS: Final = BITS["Q4_K_M"]
_WORD: Final = re.compile(r"[^\W\d_]+|\d+")


@final
@dataclass(frozen=True, slots=True)
class Named:
    """A model and what it may be called."""

    name: ModelName
    keys: frozenset[str]
    """`names.key` of its spellings."""
    quant: str = ""
    """A word such as Q4_K_M, or "" when unknown."""
    is_usable: bool = True
    """False for a file that was refused: a spelling means it only if nothing better has it."""
    also: tuple[ModelName, ...] = ()
    """Names that would be its own, had it not a better one: those of its copies, Ollama's tags."""


def named(
    name: ModelName,
    spellings: Iterable[str],
    quant: str = "",
    *,
    is_usable: bool = True,
    also: Iterable[ModelName] = (),
) -> Named:
    """A model of that name and these spellings."""
    keys = frozenset(key(spelling) for spelling in (name, *spellings)) - {""}
    return Named(name, keys, quant, is_usable, tuple(also))


@final
class Directory:
    """The names of a library's models. Immutable."""

    def __init__(self, models: Iterable[Named]) -> None:
        """`models` in the library's order; their names are distinct."""
        self._exact: dict[str, ModelName] = {}
        self._by_key: dict[str, ModelName] = {}
        self._names: list[ModelName] = []
        found: dict[str, list[Named]] = defaultdict(list)
        models = tuple(models)
        for model in models:
            assert model.name not in self._exact, f"two models are named {model.name}"
            self._exact[model.name] = model.name
            self._names.append(model.name)
            for spelled in model.keys:
                found[spelled].append(model)
        for spelled, candidates in found.items():
            self._by_key[spelled] = min(candidates, key=_order).name
        # The name of a copy means the model before what merely may be spelled so.
        for model in sorted(models, key=_order, reverse=True):
            for name in model.also:
                self._by_key[key(name)] = model.name
        # A canonical name is nobody else's spelling. Where the keys of two are the same, as of
        # a.b and a-b, they are told apart as they are written.
        for name in reversed(self._names):
            self._by_key[key(name)] = name

    def find(self, name: str) -> ModelName | None:
        """The model that any spelling of a name means; None where it means none."""
        for reading in readings(name):
            if exact := self._exact.get(reading.casefold()):
                return exact
            if meant := self._by_key.get(key(reading)) or self._by_tag(reading):
                return meant
        return None

    def _by_tag(self, name: str) -> ModelName | None:
        """The model whose quantisation begins as the tag does: `qwen3-8b:q4` for `...:q4_k_m`."""
        base, colon, tag = name.casefold().replace("@", ":").rpartition(":")
        if not colon or not tag:
            return None
        candidates = [
            known
            for known in self._names
            if known.partition(":")[2].startswith(tag) and key(known.partition(":")[0]) == key(base)
        ]
        return min(candidates, key=lambda known: _rank(known.partition(":")[2]), default=None)

    def nearest(self, name: str) -> tuple[ModelName, ...]:
        """The names most like it, likeliest first; none where none is like it."""
        *_, bare = readings(name[:NAME_LENGTH_MAX])
        asked = bare.casefold()[:_COMPARED_LENGTH]
        scored = [(-_likeness(asked, known), known) for known in self._names]
        near = sorted(pair for pair in scored if pair[0] <= -_NEAR_ENOUGH)
        return tuple(known for _, known in near[:NEAREST_MAX])


def _order(model: Named) -> tuple[bool, float, float]:
    return not model.is_usable, *_rank(model.quant)


def _rank(quant: str) -> tuple[float, float]:
    """Least for the quantisation that an ambiguous spelling means."""
    bits = BITS.get(quant.upper().removeprefix("UD-").removeprefix("I1-"), 0.0)
    return abs(bits - _PREFERRED_BITS), -bits


def _likeness(asked: str, known: str) -> float:
    """0 to 1: how many of the words asked for are there and how alike the letters are, or the
    letters alone where a word is misspelt."""
    base = known.partition(":")[0]
    asked_words, known_words = set(_WORD.findall(asked)), set(_WORD.findall(known))
    shared = len(asked_words & known_words) / len(asked_words) if asked_words else 0.0
    alike = max(
        difflib.SequenceMatcher(None, asked, other[:_COMPARED_LENGTH], autojunk=False).ratio()
        for other in (base, known)
    )
    return max((shared + alike) / 2, alike - _MISSPELT)
