"""Turn: one happening at work on a job; collects the changes and the effects, in order."""

from typing import final

import msgspec

from app.core.base.units import SECOND, Microseconds
from app.core.pool.jobs.effects import Effect
from app.core.pool.jobs.job import Attempt, Change, Job, follow
from app.core.pool.jobs.rules import JobRules


@final
class Turn:
    """`job` as it is so far, and what it wants done. Lives for one call of `advance`."""

    def __init__(self, job: Job, now: Microseconds, rules: JobRules) -> None:
        self.job = job
        self.now = now
        self.rules = rules
        self.effects: list[Effect] = []

    @property
    def attempt(self) -> Attempt:
        """The current attempt; there is one."""
        attempt = self.job.current
        assert attempt is not None, "no attempt is under way"
        return attempt

    def want(self, effect: Effect) -> None:
        """One more thing to be done, after those before."""
        self.effects.append(effect)

    def set(self, **fields: object) -> None:
        """Other values for some fields of the job."""
        self.job = msgspec.structs.replace(self.job, **fields)

    def set_attempt(self, **fields: object) -> None:
        """Other values for some fields of the last attempt."""
        self.set_attempt_at(len(self.job.attempts) - 1, **fields)

    def set_attempt_at(self, number: int, **fields: object) -> None:
        """Other values for some fields of one attempt."""
        attempts = list(self.job.attempts)
        attempts[number] = msgspec.structs.replace(attempts[number], **fields)
        self.set(attempts=tuple(attempts))

    def change(self, change: Change) -> None:
        """The phase by the table; a new phase has a new deadline. Raises: IllegalTransition."""
        phase = follow(self.job.phase, change)
        if phase != self.job.phase:
            self.set(phase=phase, waiting_since=self.now)

    def got_on(self) -> None:
        """The worker got on: its deadline counts from now."""
        self.set(waiting_since=self.now)

    def seconds(self, since: Microseconds | None, until: Microseconds | None) -> float:
        """From one moment to the other; 0 where one is not known or the clock went back."""
        if since is None or until is None:
            return 0.0
        return max(0, until - since) / SECOND


def after(moment: Microseconds, seconds: float) -> Microseconds:
    """So many seconds later."""
    return Microseconds(moment + span(seconds))


def span(seconds: float) -> Microseconds:
    """A time that long."""
    return Microseconds(int(seconds * SECOND))
