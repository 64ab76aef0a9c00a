"""Callers: each asks once, reads what comes, and may leave at any moment."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.core.pool.jobs.effects import End
from app.core.pool.jobs.job import AnswerEvent, JobRequest
from app.wire.engine import Begun, Delta, Ended, Said
from app.wire.pool import Sealed


@dataclass
class Caller:
    """One request, and all that its caller saw of it."""

    request: JobRequest
    key: int
    length: int
    mark: str
    leave: Callable[[], None] = lambda: None
    """Tell the host that it goes."""
    leaves_at: int | None = None
    """Tokens after which it goes."""
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    begun: int = 0
    finishes: list[str] = field(default_factory=list)
    end: End | None = None
    is_cut_off: bool = False
    """The host died while it waited."""
    has_left: bool = False

    def told(self, events: tuple[AnswerEvent | Sealed, ...]) -> None:
        assert self.end is None, "nothing comes after the end"
        for event in events:
            assert not self.finishes, "nothing comes after the answer's last word"
            match event:
                case Begun():
                    self.begun += 1
                case Delta():
                    self.tokens += event.token_ids
                    self.text += "".join(p.text for p in event.parts if isinstance(p, Said))
                case Ended():
                    self.finishes.append(event.reason)
                case _:
                    pass
        if self.leaves_at is not None and len(self.tokens) >= self.leaves_at:
            self.leave()

    def ended(self, end: End) -> None:
        assert self.end is None or self.end.cost is None, "a job ends once, and is paid once"
        self.end = end

    def host_died(self) -> None:
        self.is_cut_off = self.end is None or self.end.cost is None
