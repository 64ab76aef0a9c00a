"""Work: what was computed of one attempt at a job, counted as it goes.

Counts and times for the receipt. Words pass through to the host or into the seal. What they are
committed by (core/pool/commitments) is made of the token ids, which are held until the end.
"""

from typing import Literal, final

from app.core.base.ids import ModelName
from app.core.base.units import Microseconds
from app.core.pool.commitments import answer_commitment, prompt_commitment, vectors_commitment
from app.core.pool.receipt import Ending as SignedEnding
from app.wire.engine import Begun, Completed, Delta, Embed, Embedded, Ended, Generate, Progress
from app.wire.pool import Offer, OfferedModel

Ending = Literal["completed", "cancelled", "preempted", "failed", "refused"]


@final
class Work:
    """The counts of one attempt."""

    def __init__(
        self,
        offer: Offer,
        body: Generate | Embed,
        model: OfferedModel,
        *,
        at: Microseconds,
        is_sealed: bool,
    ) -> None:
        self.offer = offer
        self.body = body
        self.model = model
        self.is_sealed = is_sealed
        self.began_at = at
        self.first_token_at: Microseconds | None = None
        self.prompt = 0
        self.cached = 0
        self.end = offer.first
        """Number of the token after the last that was computed, in the whole answer."""
        self.reasoning = 0
        self.is_prefilled = False
        """The whole prompt was computed."""
        self.completed: Completed | None = None
        self._is_cut = False
        self._tokens: list[int] = []
        self._vectors: list[bytes] = []

    @property
    def name(self) -> ModelName:
        """What this node calls the model."""
        return ModelName(self.model.name)

    @property
    def answered(self) -> int:
        """Tokens of answer that this attempt computed."""
        return self.end - self.offer.first

    @property
    def has_counts(self) -> bool:
        """Something was computed that may be paid."""
        return self.answered > 0 or self.is_prefilled

    def hear(
        self, event: Begun | Progress | Delta | Ended | Completed | Embedded, at: Microseconds
    ) -> list[int]:
        """Count the event; the tokens that it tells of."""
        match event:
            case Begun(prompt_tokens=tokens):
                self.prompt = tokens
            case Progress(cached=cached, processed=processed, total=total):
                self.cached = cached
                self.is_prefilled |= processed >= total
            case Delta(tokens=tokens, token_ids=ids):
                self.is_prefilled = True
                if self.first_token_at is None:
                    self.first_token_at = at
                self.end += max(tokens, len(ids))
                self._tokens += ids
                return ids
            case Completed(usage=usage):
                self.prompt, self.cached = usage.prompt, usage.cached
                self.reasoning = usage.reasoning
                self.is_prefilled = True
                self.completed = event
            case Embedded(prompt_tokens=tokens, vectors=vectors):
                self.prompt = tokens
                self.is_prefilled = True
                self._vectors = vectors
            case Ended(reason=reason):
                self._is_cut = reason == "length"
        return []

    def signed_ending(self, ending: Ending) -> SignedEnding:
        """How a receipt says it."""
        if ending == "completed":
            return "length" if self._is_cut else "completed"
        return "failed" if ending == "refused" else ending

    def prompt_commitment(self) -> bytes:
        """Of what was asked."""
        return prompt_commitment(self.offer.commitment_key, self.body)

    def answer_commitment(self) -> bytes:
        """Of what was computed."""
        key = self.offer.commitment_key
        if isinstance(self.body, Embed):
            return vectors_commitment(key, self._vectors)
        return answer_commitment(key, self._tokens)
