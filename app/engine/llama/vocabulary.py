"""Vocabulary: text to tokens and back. Thread-safe: llama.cpp's functions here read only."""

import ctypes
import threading
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import llama_cpp.llama_cpp as llama
from llguidance import LLTokenizer

from app.engine.llama import runs

_NO_TOKEN: Final = -1
_SPACE: Final = "\u2581"
_PIECE_BYTES: Final = 128
"""Few tokens are longer; those that are get a second call."""

_NO_TEXT: Final = (
    llama.LLAMA_TOKEN_ATTR_CONTROL | llama.LLAMA_TOKEN_ATTR_UNKNOWN | llama.LLAMA_TOKEN_ATTR_UNUSED
)
_SPECIAL_MARK: Final = b"\xff"
"""What llguidance knows a special token by."""


class LlamaVocabulary:
    """The vocabulary of a loaded model."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.size = int(llama.llama_vocab_n_tokens(handle))
        self._pieces: list[bytes | None] = [None] * self.size
        self._special_pieces: list[bytes | None] = [None] * self.size
        kind = llama.llama_vocab_type(handle)
        self._is_bpe = kind == llama.LLAMA_VOCAB_TYPE_BPE
        self._is_spm = kind == llama.LLAMA_VOCAB_TYPE_SPM
        self._head = [llama.llama_vocab_bos(handle)] * llama.llama_vocab_get_add_bos(handle)
        self._tail = [llama.llama_vocab_eos(handle)] * llama.llama_vocab_get_add_eos(handle)
        self.bos_text = self._text_of(llama.llama_vocab_bos(handle))
        self.eos_text = self._text_of(llama.llama_vocab_eos(handle))
        self.ends = self._find_ends()
        self._end_set = frozenset(self.ends)
        self.infill = self._find_infill()
        self._constraint: LLTokenizer | None = None
        self._constraint_lock = threading.Lock()

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`."""
        pieces, skip = [text], 0
        if self._is_bpe:
            pieces = runs.cut(text)
        elif self._is_spm and len(text) >= runs.UNKNOWN_STRIDE:
            pieces = runs.cut_unknown(text, *self._letters)
            if len(pieces) > 1:
                skip = self._before(pieces[1][0])
        if len(pieces) == 1:
            return self._tokenize(text, add_special, parse_special)
        tokens = list(self._head) if add_special else []
        tokens += self._tokenize(pieces[0], False, parse_special)
        for piece in pieces[1:]:
            tokens += self._tokenize(piece, False, parse_special)[skip:]
        return tokens + list(self._tail) if add_special else tokens

    def _tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        # Half a surrogate pair, which JSON can spell, is no text: it becomes a question mark.
        data = text.encode("utf-8", "replace")
        size = len(data) + 8  # at most a token for each byte, and a few special ones
        while True:
            buffer = (ctypes.c_int32 * size)()
            count = llama.llama_tokenize(
                self._handle, data, len(data), buffer, size, add_special, parse_special
            )
            if count >= 0:
                return buffer[:count]
            size = -count

    @cached_property
    def _letters(self) -> tuple[frozenset[str], frozenset[str]]:
        """Characters that are tokens, and pairs of them in tokens. Some tenths of a second."""
        single: set[str] = set()
        pairs: set[str] = set()
        for token in range(self.size):
            kind = llama.llama_vocab_get_attr(self._handle, token)
            if not kind & llama.LLAMA_TOKEN_ATTR_BYTE:
                word = self.special_piece(token).decode("utf-8", "replace")
                pairs.update(map("".join, pairwise(word)))
                if len(word) == 1:
                    single.add(word)
        # What stands for a space in tokens is one in texts too.
        return frozenset({*single, _SPACE}), frozenset(pairs)

    def _before(self, unknown: str) -> int:
        """Tokens that a text has before the bytes of its first character: of a space put there."""
        return len(self._tokenize(unknown, False, False)) - len(unknown.encode("utf-8", "replace"))

    def piece(self, token: int) -> bytes:
        """The bytes of one token as ordinary text; b"" for control tokens."""
        return self._cached(self._pieces, token, is_special=False)

    def special_piece(self, token: int) -> bytes:
        """The bytes of one token, control tokens written out."""
        return self._cached(self._special_pieces, token, is_special=True)

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`, special ones written out; invalid UTF-8 is replaced."""
        return b"".join(map(self.special_piece, tokens)).decode("utf-8", "replace")

    def is_control(self, token: int) -> bool:
        """Whether the token is a marker rather than text."""
        return bool(llama.llama_vocab_is_control(self._handle, token))

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation."""
        return token in self._end_set

    def constraint_tokenizer(self) -> LLTokenizer:
        """The vocabulary as llguidance wants it; made at the first call."""
        with self._constraint_lock:
            if self._constraint is None:
                self._constraint = LLTokenizer.from_llamacpp(
                    tokens=[self._constraint_piece(token) for token in range(self.size)],
                    vocab_ptr=self._handle,
                    tokenize_fptr=_address(llama.llama_tokenize),
                    eos_token=list(self.ends),
                )
            return self._constraint

    def _constraint_piece(self, token: int) -> bytes:
        """The token's bytes; one that is no text is marked, so that no grammar of text can be met
        by it, while a grammar may name it by its id.

        User-defined tokens are text, also those that look like markers (`<tool_call>` in many
        vocabularies): grammars are written by `is_control`, and this must agree with it.
        """
        piece = self.special_piece(token)
        kind = llama.llama_vocab_get_attr(self._handle, token)
        return _SPECIAL_MARK + piece if kind & _NO_TEXT else piece

    def _cached(self, table: list[bytes | None], token: int, *, is_special: bool) -> bytes:
        if not 0 <= token < self.size:
            raise IndexError(f"no token {token} in a vocabulary of {self.size}")
        piece = table[token]
        if piece is None:
            piece = table[token] = self._read_piece(token, is_special)
        return piece

    def _read_piece(self, token: int, is_special: bool) -> bytes:
        size = _PIECE_BYTES
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = llama.llama_token_to_piece(self._handle, token, buffer, size, 0, is_special)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def _text_of(self, token: int) -> str:
        if token == _NO_TOKEN:
            return ""
        return self.special_piece(token).decode("utf-8", "replace")

    def _find_ends(self) -> tuple[int, ...]:
        """All tokens that end a generation, the vocabulary's own EOS first."""
        eos = llama.llama_vocab_eos(self._handle)
        is_end = llama.llama_vocab_is_eog
        found = [token for token in range(self.size) if is_end(self._handle, token)]
        return tuple(sorted(found, key=lambda token: token != eos))

    def _find_infill(self) -> tuple[int, int, int] | None:
        prefix = llama.llama_vocab_fim_pre(self._handle)
        suffix = llama.llama_vocab_fim_suf(self._handle)
        middle = llama.llama_vocab_fim_mid(self._handle)
        if _NO_TOKEN in (prefix, suffix, middle):
            return None
        return (prefix, suffix, middle)


def _address(function: Any) -> int:
    """Where a C function lies in memory."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address
