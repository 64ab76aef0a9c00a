"""Walk: answers drawn at random under a grammar, over a small vocabulary made for a dialect.

The vocabulary has all bytes, some words, and each marker as a control token or none of them. The
walk now and then writes a literal of the form, so that it comes out of free text; what the mask
forbids it never writes.
"""

import random
import re
from collections.abc import Sequence

import numpy as np
from llguidance import LLTokenizer, TokenizerWrapper

from app.engine.chat.dialect import Dialect
from app.engine.chat.form import KEY_MARK
from app.engine.chat.prepared import PreparedChat
from app.engine.constrain import Constrainer
from app.wire.engine import OutputForm, PromptChat

WORDS = (b"hello", b"the", b'{"', b'": "', b'"}', b'"}}\n', b"</", b"name", b"\n\n", b": ", b", ")
TOKENS_MAX = 900
NAMES = ("city", "unit", "code", "kind", "note")
"""Names of arguments, for literals that repeat one."""


class Words:
    """The vocabulary, in the shape that llguidance wants."""

    def __init__(self, markers: Sequence[str]) -> None:
        self.tokens = [bytes([byte]) for byte in range(256)] + list(WORDS)
        self.eos_token_id = len(self.tokens)
        self.bos_token_id = None
        self.tokens += [b"<eos>", *(marker.encode() for marker in markers)]
        self.special_token_ids = list(range(self.eos_token_id, len(self.tokens)))

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


class Walker:
    """Draws answers of one dialect."""

    def __init__(self, template: str | None, *, has_control_tokens: bool) -> None:
        asked = Dialect.learn(template, bos="<BOS>", eos="<EOS>")
        chat = PromptChat(messages=[{"role": "user", "content": "hi"}])
        tool = {"type": "function", "function": {"name": "f"}}
        prepared = asked.prepare(PromptChat(messages=chat.messages, tools=[tool]), None)
        markers = prepared.markers if has_control_tokens else ()
        self.words = Words(markers)
        ids = {text: self.words.eos_token_id + 1 + n for n, text in enumerate(markers)}
        self.dialect = Dialect.learn(template, bos="<BOS>", eos="<EOS>", control_token=ids.get)
        self.constrainer = Constrainer(LLTokenizer(TokenizerWrapper(self.words)))
        literals = [text.strip() for text in prepared.form.literals(has_calls=True)]
        named = [text.replace(KEY_MARK, name) for text in literals for name in NAMES]
        self.literals = [self._tokens(text, ids) for text in dict.fromkeys(named) if text]

    def _tokens(self, text: str, ids: dict[str, int]) -> list[int]:
        """A literal in this vocabulary: control tokens where it has them, else bytes."""
        pattern = "|".join(map(re.escape, sorted(ids, key=len, reverse=True))) or "(?!)"
        tokens: list[int] = []
        for part in re.split(f"({pattern})", text):
            tokens += [ids[part]] if part in ids else list(part.encode())
        return tokens

    def prepare(self, chat: PromptChat, output: OutputForm | None = None) -> PreparedChat:
        return self.dialect.prepare(chat, output)

    def answer(self, prepared: PreparedChat, chance: random.Random) -> str | None:
        """An answer that the grammar calls complete; None when the walk lost itself."""
        assert prepared.grammar is not None
        constraint = self.constrainer.compile(prepared.grammar)
        end, written, planned = self.words.eos_token_id, list[int](), list[int]()
        while not constraint.is_finished and len(written) < TOKENS_MAX:
            logits = np.zeros(len(self.words.tokens), np.float32)
            constraint.mask(logits)
            allowed = np.flatnonzero(logits == 0).tolist()
            assert allowed, "nothing may come"
            if end in allowed and (len(allowed) < 4 or chance.random() < 0.3):
                break
            if not planned and self.literals and chance.random() < 0.2:
                planned = list(chance.choice(self.literals))
            token = planned.pop(0) if planned else self._draw(allowed, chance)
            if token not in allowed:
                planned = []
                continue
            constraint.accept(token)
            written.append(token)
        if len(written) >= TOKENS_MAX:
            return None
        return b"".join(self.words.tokens[token] for token in written).decode(errors="replace")

    def _draw(self, allowed: list[int], chance: random.Random) -> int:
        """Closing signs are likelier, blanks rarer; an end is drawn elsewhere."""
        weights = []
        for token in allowed:
            text = self.words.tokens[token]
            likely = text in {b'"', b"}", b"]", b")", b"'", b">"}
            weights.append(
                0 if text == b"<eos>" else 30 if likely else 0.2 if text.isspace() else 1
            )
        return chance.choices(allowed, weights)[0]
