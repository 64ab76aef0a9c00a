"""What the engine loop needs of a model, whoever computes it.

Two implementations: `toy.py`, deterministic and instant, and `llama/backend.py`. A backend is used
by one thread, the engine loop; only `Vocabulary` methods, `ready_for` and `Sampler.choose` on
different samplers may run on other threads at the same time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final

import numpy as np
from numpy.typing import NDArray

from app.core.models.plan import LoadPlan
from app.core.scheduling.step import Move, Row
from app.wire.engine import Sampling
from app.wire.model import ModelFacts, ModelSource

if TYPE_CHECKING:
    from llguidance import LLTokenizer

Floats = NDArray[np.float32]

LoadProgress = Callable[[str, float], None]
"""Called with a stage of `wire.engine.Loading` and its fraction."""


class DecodeFailed(Exception):
    """The decode call was refused as a whole; memory is as before the call.

    `is_room` tells the two causes apart: no room for the rows in the cache (True), or an error of
    the compute backend (False).
    """

    def __init__(self, message: str, *, is_room: bool) -> None:
        super().__init__(message)
        self.is_room = is_room


class Vocabulary(Protocol):
    """Text to tokens and back. Thread-safe."""

    @property
    def size(self) -> int:
        """Tokens in the vocabulary."""

    @property
    def bos_text(self) -> str:
        """Text of the BOS token as templates expect it, "" where there is none."""

    @property
    def eos_text(self) -> str:
        """Text of the EOS token, "" where there is none."""

    @property
    def infill(self) -> tuple[int, int, int] | None:
        """Tokens for prefix, suffix, middle; None where the model cannot fill in."""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`."""

    def piece(self, token: int) -> bytes:
        """The bytes of one token as ordinary text; b"" for control tokens."""

    def special_piece(self, token: int) -> bytes:
        """The bytes of one token, control tokens written out (`<|im_end|>`)."""

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`, special ones written out; invalid UTF-8 is replaced."""

    def is_control(self, token: int) -> bool:
        """Whether the token is a marker rather than text."""

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation (EOS, EOT and their kin)."""

    def constraint_tokenizer(self) -> "LLTokenizer":
        """The vocabulary as llguidance wants it. Slow at first (a second), then kept.

        Special there are the tokens for which `is_control` is true, and no others that answers
        may have: grammars name those by their ids, and take all others as text.
        """


class Sampler(Protocol):
    """One request's way of choosing tokens; holds its random state and penalty history."""

    def choose(self, index: int) -> int:
        """The next token from the logits of output `index` of the last decode call; accepts it."""

    def close(self) -> None:
        """Free what is held in C."""


class Backend(Protocol):
    """A loaded model with its memory."""

    @property
    def facts(self) -> ModelFacts:
        """What is known of the model as it was loaded."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Its words."""

    def move(self, move: Move) -> None:
        """Change the memory. Raises KeyError for an unknown key, never for an unknown slot."""

    def state_bytes(self, slot: int) -> int:
        """What saving the slot would take in RAM."""

    def decode(self, rows: Sequence[Row]) -> None:
        """Compute the rows in one call. Outputs are counted over all rows in order.

        Raises: DecodeFailed.
        """

    def logits(self, index: int) -> Floats:
        """Writable view, shape (vocabulary,), of output `index`; valid until the next decode."""

    def ready_for(self, sampling: Sampling) -> None:
        """Prepare what takes long, so that `sampler` does not; on any thread."""

    def sampler(
        self, sampling: Sampling, prompt: Sequence[int], answered: Sequence[int] = ()
    ) -> Sampler:
        """A sampler that has seen `prompt` (for its penalties) and chosen `answered` after it."""

    def embed(self, batch: Sequence[Sequence[int]]) -> Floats:
        """Pooled vectors, shape (len(batch), embedding_length); each input at most one ubatch.

        Forgets all sequences. Raises: DecodeFailed.
        """

    def close(self) -> None:
        """Free the model."""


@final
@dataclass(frozen=True, slots=True)
class VocabularyOnly:
    """A model without its weights: what reads prompts and answers, and computes nothing."""

    facts: ModelFacts
    vocabulary: Vocabulary


class LoadFailed(Exception):
    """The model could not be loaded by this plan; the message is for the owner."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


Loader = Callable[[ModelSource, LoadPlan, LoadProgress], Backend]
