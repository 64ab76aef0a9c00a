"""Answer: one choice of one request while it is written."""

from dataclasses import dataclass, field
from typing import final

from app.core.scheduling.lookup import Lookup
from app.core.scheduling.sequence import Sequence as Scheduled
from app.engine.backend import Sampler
from app.engine.transcript import Transcript


@final
@dataclass(slots=True, eq=False)
class Answer:
    """What one sequence needs besides its cells."""

    choice: int
    sequence: Scheduled
    sampler: Sampler
    transcript: Transcript
    lookup: Lookup | None
    untold: list[int] = field(default_factory=list)
    """Tokens that the client does not know of yet."""

    def close(self) -> None:
        """Free what is held in C."""
        self.sampler.close()
