"""Tiny real tokenizers: byte-level BPE ("gpt2"), sentencepiece-like BPE ("llama"), WordPiece.

All are trained on `corpus.CORPUS` by plain pair merging, so that words of it become few tokens and
everything else falls back to bytes: any text survives a round trip (not in WordPiece, as in BERT).
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Final

from gguf import TokenType

from tests.gguf_made.corpus import CORPUS

END_OF_TEXT: Final = "<|endoftext|>"
TURN_START: Final = "<|im_start|>"
TURN_END: Final = "<|im_end|>"

CONTROL: Final = (
    END_OF_TEXT,
    TURN_START,
    TURN_END,
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
)
"""Tokens of type CONTROL: they have no text of their own."""

MARKERS: Final = (
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
"""Tokens of type USER_DEFINED: single tokens, but text all the same."""

_WORD: Final = re.compile(r" ?[^\W\d_]+| ?\d| ?[^\s\w]+|\s+(?!\S)|\s+|_+")


@dataclass(frozen=True)
class Tokenizer:
    """What goes into a GGUF's tokenizer keys."""

    model: str
    tokens: list[str]
    types: list[int]
    merges: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def id(self, text: str) -> int:
        """The id of the token that is written `text`. Raises: ValueError."""
        return self.tokens.index(text)

    @property
    def specials(self) -> list[int]:
        """Ids of control tokens, markers and the unknown token."""
        ordinary = (TokenType.NORMAL, TokenType.BYTE)
        return [i for i, kind in enumerate(self.types) if kind not in ordinary]

    @property
    def broken(self) -> list[int]:
        """Ids of the tokens that are no whole characters by themselves, or control codes."""
        if self.model == "llama":
            return [i for i, kind in enumerate(self.types) if kind == TokenType.BYTE]
        return [i for i, text in enumerate(self.tokens) if not _is_plain(text)]


def _is_plain(letters: str) -> bool:
    """Whether the bytes that GPT-2's letters stand for are printable UTF-8."""
    numbers = _letter_bytes()
    try:
        text = bytes(numbers[letter] for letter in letters).decode()
    except UnicodeDecodeError:
        return False
    return text.replace("\n", " ").isprintable()


@cache
def _letter_bytes() -> dict[str, int]:
    return {letter: byte for byte, letter in byte_letters().items()}


@cache
def byte_letters() -> dict[int, str]:
    """GPT-2's printable letter for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in printable}
    others = [byte for byte in range(256) if byte not in letters]
    return letters | {byte: chr(256 + place) for place, byte in enumerate(others)}


def train_pairs(words: Counter[tuple[str, ...]], count: int) -> list[tuple[str, str]]:
    """At most `count` merges, the most frequent pair first, ties by spelling."""
    words = Counter(words)
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                pairs[pair] += times
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        words = Counter({_merged(word, best): times for word, times in words.items()})
    return merges


def _merged(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    joined: list[str] = []
    for symbol in word:
        if joined and (joined[-1], symbol) == pair:
            joined[-1] += symbol
        else:
            joined.append(symbol)
    return tuple(joined)


@cache
def bpe(size: int) -> Tokenizer:
    """Byte-level BPE of exactly `size` tokens; past what the corpus teaches, filler words."""
    letters = byte_letters()
    words = Counter(
        tuple(letters[byte] for byte in word.encode()) for word in _WORD.findall(CORPUS)
    )
    alphabet = [letters[byte] for byte in range(256)]
    room = size - len(alphabet) - len(CONTROL) - len(MARKERS)
    assert room >= 0, f"a byte-level vocabulary needs at least {size - room} tokens"
    merges = _distinct(train_pairs(words, room))
    learnt = [first + second for first, second in merges]
    fillers = [f"filler{number}" for number in range(room - len(learnt))]
    text = [*alphabet, *learnt, *fillers]
    return Tokenizer(
        model="gpt2",
        tokens=[*text, *CONTROL, *MARKERS],
        types=[TokenType.NORMAL] * len(text)
        + [TokenType.CONTROL] * len(CONTROL)
        + [TokenType.USER_DEFINED] * len(MARKERS),
        merges=[f"{first} {second}" for first, second in merges],
    )


@cache
def spm(size: int) -> Tokenizer:
    """Sentencepiece's BPE of exactly `size` tokens, with byte fallback; BOS <s>, EOS </s>."""
    words = Counter(tuple(word.replace(" ", "▁")) for word in _WORD.findall(CORPUS))
    heads = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tails = [*CONTROL[1:], *MARKERS]
    letters = sorted({letter for word in words for letter in word if letter != "\n"} | {"▁"})
    room = size - len(heads) - len(letters) - len(tails)
    assert room >= 0, f"this vocabulary needs at least {size - room} tokens"
    learnt = [first + second for first, second in _distinct(train_pairs(words, room))]
    fillers = [f"filler{number}" for number in range(room - len(learnt))]
    # The merger joins the pair with the best score first: earlier merges score higher.
    pieces = [*learnt, *letters, *fillers]
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL] + [TokenType.BYTE] * 256
    return Tokenizer(
        model="llama",
        tokens=[*heads, *pieces, *tails],
        types=kinds
        + [TokenType.NORMAL] * len(pieces)
        + [TokenType.CONTROL] * len(CONTROL[1:])
        + [TokenType.USER_DEFINED] * len(MARKERS),
        scores=[0.0] * len(heads)
        + [-float(rank) for rank in range(len(pieces))]
        + [0.0] * len(tails),
    )


@cache
def word_pieces(size: int) -> Tokenizer:
    """BERT's WordPiece of at most `size` tokens, lower case; a word's begin is marked ▁."""
    words = Counter(re.findall(r"[a-z]+|[0-9]|[^\s\w]", CORPUS.lower()))
    letters = sorted({letter for word in words for letter in word})
    heads = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [f"▁{letter}" for letter in letters] + letters
    common = [f"▁{word}" for word, _ in words.most_common() if len(word) > 1]
    tokens = [*heads, *pieces, *common][:size]
    types = [TokenType.CONTROL] * len(heads) + [TokenType.NORMAL] * (len(tokens) - len(heads))
    return Tokenizer(model="bert", tokens=tokens, types=types)


def _distinct(merges: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The merges whose products differ: two ways to one word would be one token listed twice."""
    seen: set[str] = set()
    kept = []
    for first, second in merges:
        if first + second not in seen:
            seen.add(first + second)
            kept.append((first, second))
    return kept
