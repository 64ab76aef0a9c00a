"""Batches: conversations as padded rows of tokens of about one length, each token weighted."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from starter_model import tokenizer as names
from starter_model.conversation import rendered, trained

_POOL: Final = 4096
"""So many conversations are drawn at a time and sorted by length: little is padded."""

_LOOSENED_SHARE: Final = 0.4
_LOOSENED_DROPOUT: Final = 0.1
"""In this share of conversations what users write is cut into other tokens than usual, each merge
left out by this chance (BPE dropout, Provilkov et al. 2020). A slip of the finger does the same to
a word, so the model learns words by more than their usual token."""

_PROMPT_WEIGHT: Final = 0.004
"""Of a token that a user or a tool wrote. An assistant's turn of n tokens weighs the root of n."""


_USERS_WORDS: Final = re.compile(
    rf"(?<={re.escape(names.TURN_BEGIN)}user\n)(.*?)(?={re.escape(names.TURN_END)})", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of ids (batch, tokens) and the weight of each as something to predict."""

    tokens: Tensor
    weights: Tensor


def batches(
    tokenizer: Tokenizer, *, seed: int, tokens: int, long_share: float = 0.0
) -> Iterator[Batch]:
    """Batches of about so many tokens, without end, none with a question that is held out.

    `long_share` of the conversations have 10 to 60 exchanges, up to 4,096 tokens.
    """
    chance = random.Random(seed)
    masker = _Masker(tokenizer)
    loosened = _Loosened(tokenizer, chance)
    while True:
        rows = sorted(_rows(loosened, chance, long_share), key=len)
        gathered = list(_gathered(rows, tokens))
        chance.shuffle(gathered)
        for rows_of_batch in gathered:
            yield _padded(rows_of_batch, masker)


def _rows(tokenizer: "_Loosened", chance: random.Random, long_share: float) -> list[list[int]]:
    rows: list[list[int]] = []
    while len(rows) < _POOL:
        turns = chance.randint(10, 60) if chance.random() < long_share else None
        rows.append(tokenizer.encode(rendered(trained(chance, turns=turns)))[:4096])
    return rows


class _Loosened:
    """A tokenizer that at times cuts what users write into smaller pieces than it has to."""

    def __init__(self, tokenizer: Tokenizer, chance: random.Random) -> None:
        self._usual = tokenizer
        self._loose = Tokenizer.from_str(tokenizer.to_str())
        self._loose.model.dropout = _LOOSENED_DROPOUT
        self._chance = chance

    def encode(self, text: str) -> list[int]:
        """The ids of a rendered conversation."""
        if self._chance.random() >= _LOOSENED_SHARE:
            return list(self._usual.encode(text).ids)
        ids: list[int] = []
        # The expression has one group: what it matched stands at the odd places.
        for at, part in enumerate(_USERS_WORDS.split(text)):
            ids += (self._loose if at % 2 else self._usual).encode(part).ids
        return ids


def _gathered(rows: list[list[int]], tokens: int) -> Iterator[list[list[int]]]:
    """Neighbours in length together, each batch at most so many tokens with its padding."""
    batch: list[list[int]] = []
    for row in rows:
        if batch and len(row) * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(row)
    yield batch


class _Masker:
    """Weighs tokens by who wrote them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._begin = tokenizer.token_to_id(names.TURN_BEGIN)
        self._end = tokenizer.token_to_id(names.TURN_END)
        self._assistant = tokenizer.encode("assistant\n").ids

    def weights(self, row: list[int]) -> list[float]:
        """For each token. Long answers are told by their first words, so they weigh less each."""
        found = [_PROMPT_WEIGHT] * len(row)
        header = [self._begin, *self._assistant]
        at = 0
        while at < len(row):
            if row[at : at + len(header)] == header:
                at += len(header)
                end = row.index(self._end, at) + 1 if self._end in row[at:] else len(row)
                found[at:end] = [(end - at) ** -0.5] * (end - at)
                at = end
            else:
                at += 1
        return found


def _padded(rows: list[list[int]], masker: _Masker) -> Batch:
    longest = max(map(len, rows))
    tokens = np.zeros((len(rows), longest), dtype=np.int64)
    weights = np.zeros((len(rows), longest), dtype=np.float32)
    for at, row in enumerate(rows):
        tokens[at, : len(row)] = row
        weights[at, : len(row)] = masker.weights(row)
    return Batch(torch.from_numpy(tokens), torch.from_numpy(weights))
