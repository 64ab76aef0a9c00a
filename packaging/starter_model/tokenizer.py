"""A byte-level BPE vocabulary of the corpus: any text can be written, digits stand alone."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from starter_model.conversation import converse, rendered

SIZE: Final = 2048
TURN_BEGIN: Final = "<|im_start|>"
TURN_END: Final = "<|im_end|>"
PADDING: Final = "<|endoftext|>"
CALL_BEGIN: Final = "<tool_call>"
CALL_END: Final = "</tool_call>"
SPECIAL: Final = (PADDING, TURN_BEGIN, TURN_END, CALL_BEGIN, CALL_END)
"""They take the first ids, in this order."""

_CONVERSATIONS: Final = 12_000


def train(seed: int) -> Tokenizer:
    """A tokenizer learned from conversations of this seed; takes seconds.

    Splits as llama.cpp does for `tokenizer.ggml.pre` = "smollm": single digits, then GPT-2's
    expression.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(seed), trainer)
    assert tokenizer.get_vocab_size() == SIZE
    return tokenizer


def load(path: Path) -> Tokenizer:
    """The tokenizer that `train` made and `save` wrote."""
    return Tokenizer.from_file(str(path))


def _texts(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(_CONVERSATIONS):
        yield rendered(converse(chance))
