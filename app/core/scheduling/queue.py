"""Queue: who is admitted next.

The owner's sequences first, in order of coming. Then guests: first those whose domain has been
served the fewest tokens, so that one guest with a hundred requests cannot crowd out another with
one; within a domain in order of coming. A domain that comes anew starts level with the least
served of those present, not with the credit of its absence.
"""

from collections.abc import Iterator
from typing import final

from app.core.base.ids import Domain
from app.core.scheduling.sequence import Priority, Sequence


@final
class Queue:
    """Sequences that are not running: waiting and parked."""

    def __init__(self) -> None:
        self._owner: dict[int, Sequence] = {}
        self._guests: dict[Domain, dict[int, Sequence]] = {}
        self._served: dict[Domain, int] = {}

    def __len__(self) -> int:
        return len(self._owner) + sum(len(line) for line in self._guests.values())

    def add(self, sequence: Sequence) -> None:
        """Put in line; a parked sequence comes before all that arrived after it."""
        if sequence.priority is Priority.OWNER:
            self._owner[sequence.id] = sequence
            return
        if sequence.domain not in self._served:
            self._served[sequence.domain] = min(self._served.values(), default=0)
        self._guests.setdefault(sequence.domain, {})[sequence.id] = sequence

    def remove(self, sequence: Sequence) -> None:
        """Take out; unknown ones are ignored."""
        self._owner.pop(sequence.id, None)
        line = self._guests.get(sequence.domain)
        if line is not None:
            line.pop(sequence.id, None)
            if not line:
                del self._guests[sequence.domain]

    def serve(self, sequence: Sequence, tokens: int) -> None:
        """Charge a guest's domain for computed tokens."""
        if sequence.priority is Priority.GUEST and sequence.domain in self._served:
            self._served[sequence.domain] += tokens

    def forget(self, domain: Domain) -> None:
        """The domain has nothing queued and nothing running any more."""
        if domain not in self._guests:
            self._served.pop(domain, None)

    def in_order(self) -> Iterator[Sequence]:
        """All, the next first. The queue may change while this is read."""
        yield from sorted(self._owner.values(), key=_arrival)
        lines = {d: sorted(line.values(), key=_arrival) for d, line in self._guests.items()}
        for domain in sorted(lines, key=lambda d: (self._served[d], lines[d][0].arrival)):
            yield from lines[domain]


def _arrival(sequence: Sequence) -> int:
    return sequence.arrival
