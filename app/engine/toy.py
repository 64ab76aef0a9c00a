"""Toy: a backend without a model, deterministic and instant.

It echoes: the answer to a conversation is the last message before the assistant's turn, byte for
byte, then the end of the turn. So whoever writes the message scripts the answer, a tool call or a
block of reasoning included. A raw prompt is continued by the alphabet ("ab" -> "cdef..."), without
end. Its words are bytes; a handful of markers follow after 255.

A `.toy` file holds options as JSON (class Options), among them the ways to fail that tests of the
supervisor need. `{}` is a model too.
"""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, final

import msgspec
import numpy as np

from app.core.models.plan import LoadPlan
from app.core.scheduling.step import Copy, Discard, Move, Restore, Row, Save, Trim
from app.engine.backend import DecodeFailed, Floats, LoadFailed, LoadProgress
from app.wire.engine import Sampling
from app.wire.model import ModelFacts, ModelSource

if TYPE_CHECKING:
    from llguidance import LLTokenizer

MARKERS: Final = (
    "<|im_start|>",
    "<|im_end|>",
    "<tool_call>",
    "</tool_call>",
    "<think>",
    "</think>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
)
IM_START: Final = 256
IM_END: Final = 257
VOCABULARY: Final = 256 + len(MARKERS)
CERTAIN: Final = 20.0
"""Logit of the echoed token above all others."""

TEMPLATE: Final = """\
{%- if tools %}<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }}

{% endif %}Tools:
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}Call one with <tool_call>{"name": ..., "arguments": ...}</tool_call><|im_end|>
{% elif messages[0].role == 'system' %}<|im_start|>system
{{ messages[0].content }}<|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == 'assistant' %}<|im_start|>assistant
{% if message.reasoning_content %}<think>
{{ message.reasoning_content }}
</think>

{% endif %}{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% elif message.role != 'system' or not loop.first %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

_SPLIT: Final = re.compile("|".join(re.escape(marker) for marker in MARKERS))


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a `.toy` file may say. Seconds are slept for real."""

    is_embedding: bool = False
    can_trim: bool = True
    context_trained: int = 8192
    load_seconds: float = 0.0
    step_seconds: float = 0.0
    token_seconds: float = 0.0
    on_load: Literal["ready", "fail", "abort", "hang"] = "ready"
    abort_after_tokens: int | None = None
    """The process aborts, as C code does, when it has decoded this many answer tokens."""
    hang_after_tokens: int | None = None
    has_template: bool = True


@final
class ToyVocabulary:
    """Bytes and markers."""

    size = VOCABULARY
    bos_text = ""
    eos_text = "<|im_end|>"
    infill: tuple[int, int, int] | None = (262, 263, 264)

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Bytes of the text; markers become one token each when they are parsed."""
        del add_special
        if not parse_special:
            return list(text.encode())
        tokens: list[int] = []
        last = 0
        for marker in _SPLIT.finditer(text):
            tokens += text[last : marker.start()].encode()
            tokens.append(256 + MARKERS.index(marker.group()))
            last = marker.end()
        return [*tokens, *text[last:].encode()]

    def piece(self, token: int) -> bytes:
        """The byte itself; nothing for markers."""
        return bytes((token,)) if token < 256 else b""

    def special_piece(self, token: int) -> bytes:
        """The byte, or the marker's text."""
        return bytes((token,)) if token < 256 else MARKERS[token - 256].encode()

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Text with markers written out."""
        return b"".join(map(self.special_piece, tokens)).decode(errors="replace")

    def is_control(self, token: int) -> bool:
        """Markers are control tokens."""
        return token >= 256

    def is_end(self, token: int) -> bool:
        """The end of a turn."""
        return token == IM_END

    def constraint_tokenizer(self) -> "LLTokenizer":
        """Bytes and markers for llguidance."""
        from llguidance import LLTokenizer, TokenizerWrapper  # noqa: PLC0415  (slow, seldom used)

        class Words:
            eos_token_id = IM_END
            bos_token_id = None
            tokens = [self.special_piece(token) for token in range(VOCABULARY)]  # noqa: RUF012
            special_token_ids = list(range(256, VOCABULARY))  # noqa: RUF012

            def __call__(self, text: bytes) -> list[int]:
                return list(text)

        return LLTokenizer(TokenizerWrapper(Words()))


@final
class ToySampler:
    """The arg-max, or a draw with numpy's generator under the request's seed."""

    def __init__(self, backend: "ToyBackend", sampling: Sampling, drawn: int) -> None:
        """`drawn` tokens were chosen by another one like it."""
        self._backend = backend
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)
        self._random.random(drawn)

    def choose(self, index: int) -> int:
        """The next token from output `index`."""
        logits = self._backend.logits(index)
        for token, bias in self._sampling.logit_bias:
            logits[token] += bias
        if self._sampling.ignore_eos:
            logits[IM_END] = -np.inf
        if self._sampling.temperature <= 0:
            return int(logits.argmax())
        weights = np.exp((logits - logits.max()) / self._sampling.temperature)
        return int(self._random.choice(VOCABULARY, p=weights / weights.sum()))

    def close(self) -> None:
        """Nothing is held."""


@final
class ToyBackend:
    """Sequences as lists of tokens."""

    def __init__(self, facts: ModelFacts, options: Options) -> None:
        self.facts = facts
        self.vocabulary = ToyVocabulary()
        self._options = options
        self._slots: dict[int, list[int]] = {}
        self._saved: dict[int, list[int]] = {}
        self._outputs: list[Floats] = []
        self._answered = 0

    def move(self, move: Move) -> None:
        """Change the lists as llama.cpp would change its cells."""
        match move:
            case Copy(source, target, length):
                self._slots[target] = self._slots[source][:length]
            case Trim(slot, length):
                del self._slots.setdefault(slot, [])[length:]
            case Save(slot, key):
                self._saved[key] = self._slots.pop(slot)
            case Restore(slot, key):
                self._slots[slot] = self._saved.pop(key)
            case Discard(key):
                del self._saved[key]

    def state_bytes(self, slot: int) -> int:
        """Eight bytes a token."""
        return 8 * len(self._slots.get(slot, []))

    def decode(self, rows: Sequence[Row]) -> None:
        """Append the rows and write the logits that were asked for."""
        tokens = sum(len(row.tokens) for row in rows)
        if pause := self._options.step_seconds + tokens * self._options.token_seconds:
            time.sleep(pause)
        filled = sum(len(cells) for cells in self._slots.values())
        if filled + tokens > self.facts.plan.cells * self.facts.plan.slots:
            raise DecodeFailed("the toy is full", is_room=True)
        self._outputs = []
        for row in rows:
            cells = self._slots.setdefault(row.slot, [])
            assert len(cells) == row.position, (len(cells), row)
            for number, token in enumerate(row.tokens, start=1):
                cells.append(token)
                if number > len(row.tokens) - row.logits:
                    self._outputs.append(_logits(cells))
            self._answered += bool(row.logits)
        self._fail_as_asked()

    def logits(self, index: int) -> Floats:
        """The logits of output `index`."""
        return self._outputs[index]

    def ready_for(self, sampling: Sampling) -> None:
        """Nothing of the toy's takes long."""

    def sampler(
        self, sampling: Sampling, prompt: Sequence[int], answered: Sequence[int] = ()
    ) -> ToySampler:
        """A sampler; penalties are not the toy's business."""
        del prompt
        return ToySampler(self, sampling, len(answered))

    def embed(self, batch: Sequence[Sequence[int]]) -> Floats:
        """Counts of bytes by their low bits: equal texts are equal, similar ones near."""
        time.sleep(self._options.step_seconds)
        length = self.facts.embedding_length
        vectors = np.zeros((len(batch), length), dtype=np.float32)
        for row, tokens in enumerate(batch):
            for token in tokens:
                vectors[row, token % length] += 1
        return vectors

    def close(self) -> None:
        """Nothing is held."""

    def _fail_as_asked(self) -> None:
        limit = self._options.abort_after_tokens
        if limit is not None and self._answered >= limit:
            os.abort()
        limit = self._options.hang_after_tokens
        if limit is not None and self._answered >= limit:
            time.sleep(3600)


def next_token(cells: Sequence[int]) -> int:
    """What the toy says after these tokens."""
    try:
        turn = len(cells) - 1 - list(reversed(cells)).index(IM_START)
    except ValueError:
        last = cells[-1] if cells else 0
        return ord("a") + (last - ord("a") + 1) % 26 if 97 <= last <= 122 else ord("a")
    said = cells[turn + 1 + len(b"assistant\n") :]
    before = list(cells[:turn])
    start = len(before) - before[::-1].index(IM_START) if IM_START in before else len(before)
    message = before[start:]
    newline = message.index(10) + 1 if 10 in message else len(message)
    end = len(message) - 1 - message[::-1].index(IM_END) if IM_END in message else len(message)
    echo = message[newline:end]
    return echo[len(said)] if len(said) < len(echo) else IM_END


def _logits(cells: Sequence[int]) -> Floats:
    """Near-flat noise that depends on the place and the last token, and one certain token."""
    seed = len(cells) * 31 + (cells[-1] if cells else 0)
    logits = np.sin(np.arange(VOCABULARY, dtype=np.float32) * (seed % 97 + 1))
    logits[next_token(cells)] = CERTAIN
    return logits


def load(source: ModelSource, plan: LoadPlan, progress: LoadProgress) -> ToyBackend:
    """A toy as its file says. Raises: LoadFailed."""
    try:
        options = msgspec.json.decode(Path(source.path).read_bytes() or b"{}", type=Options)
    except (OSError, msgspec.DecodeError) as error:
        raise LoadFailed(f"{source.path}: {error}") from error
    for part in range(5):
        progress("weights", part / 4)
        time.sleep(options.load_seconds / 5)
    if options.on_load == "abort":
        os.abort()
    if options.on_load == "hang":
        time.sleep(3600)
    if options.on_load == "fail":
        raise LoadFailed("this toy does not want to be loaded", remedy="Choose another toy.")
    capabilities = ("embedding",) if options.is_embedding else ("completion", "chat", "infill")
    facts = ModelFacts(
        architecture="toy",
        description="toy 0B bytes",
        parameters=0,
        size_bytes=Path(source.path).stat().st_size,
        vocabulary=VOCABULARY,
        vocabulary_type=0,
        embedding_length=32,
        context_trained=options.context_trained,
        layers=0,
        plan=plan,
        can_trim=options.can_trim,
        capabilities=capabilities,
        chat_template="" if options.is_embedding or not options.has_template else TEMPLATE,
        pooling="mean" if options.is_embedding else "",
    )
    return ToyBackend(facts, options)
