"""Writing: what a host does to its disk takes a moment, in order, and may be cut off by a kill."""

from collections.abc import Callable

from app.core.base.units import Microseconds
from app.core.ledger.commands import AnyCommand
from tests.sim.clock import MS, SECOND, Clock
from tests.sim.disk import Disk

BEGIN = 1_790_000_000 * SECOND


class Writing:
    """Half of a host: its clock, its lives, and its disk."""

    def __init__(self, clock: Clock, disk: Disk) -> None:
        self.clock, self.disk = clock, disk
        self.offset = 0
        """Of the clock on the wall, which jumps."""
        self.life = 0
        self.is_up = False
        self._written_until = 0

    @property
    def now(self) -> Microseconds:
        """By the clock on the wall."""
        return Microseconds(BEGIN + self.clock.now + self.offset)

    def later(self, microseconds: int, call: Callable[[], None]) -> None:
        """Call it so much later, if the host still lives this life."""
        life = self.life
        self.clock.after(microseconds, lambda: call() if life == self.life else None)

    def write(
        self,
        command: AnyCommand,
        done: Callable[[object], None] = lambda _: None,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """In order, after a while; the answer comes a little after the write itself."""
        self.at_the_disk(lambda: self.disk.write(command), done, failed)

    def at_the_disk(
        self,
        write: Callable[[], object],
        done: Callable[[object], None],
        failed: Callable[[], None],
    ) -> None:
        """The same for whatever is written; `done` gets what it gave."""
        life = self.life
        at = max(self.clock.now, self._written_until) + self.clock.between(0.2, 4)
        self._written_until = at

        def commit() -> None:
            # A write that was under way when the host was killed is made by chance.
            if life != self.life and self.clock.happens(0.5):
                return
            if self.disk.is_full and life == self.life:
                self.later(1 * MS, failed)
                return
            outcome = write()
            if life == self.life:
                self.later(1 * MS, lambda: done(outcome))

        self.clock.at(at, commit)
