"""Scheduler: which tokens the next decode call computes.

There is no prefill phase and no decode phase. Each sequence has tokens in cells and tokens that
should be; a step moves the first towards the second, within a token budget. Prompts are cut into
chunks that ride along with the single tokens of those that decode.

Admission reserves the cells of the whole answer, so what runs can finish. An answer without a
limit reserves bit by bit; when cells run out the latest comer of the lowest priority is parked, so
the first comer always ends and with it, in turn, everyone.

The owner goes first: before guests in the queue, in place of a guest when slots or cells are short,
and alone in the step while one of the owner's prompts is being computed. Once the owner decodes,
guests ride along: a decode step is bound by reading the weights, so they cost the owner little.

Everything here is decided from plain values; time enters only as the chunk size that the caller
derives from it (pace.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

from app.core.base.ids import Token
from app.core.scheduling.limits import ANSWER_RESERVE, GROWTH, GUEST_CHUNK, SHARE_MIN, Limits
from app.core.scheduling.memory import Memory
from app.core.scheduling.prefix import Match, common_prefix
from app.core.scheduling.queue import Queue
from app.core.scheduling.sequence import Phase, Priority, Sequence
from app.core.scheduling.step import Row, Step


@final
@dataclass(frozen=True, slots=True)
class Occupancy:
    """How full the model is. Kept prefixes are not in `cells_used`: they yield at once."""

    running: int
    waiting: int
    parked: int
    kept: int
    cells_used: int


@final
class Scheduler:
    """plan() says what to compute, commit() takes what came of it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.memory = Memory(limits)
        self._queue = Queue()
        self._running: dict[int, Sequence] = {}
        self._all: dict[int, Sequence] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, identity: int) -> bool:
        return identity in self._all

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence. Its `tokens_max` must fit the cells: an empty model can finish it."""
        assert 0 < sequence.prompt_tokens == len(sequence.tokens) <= sequence.tokens_max
        assert sequence.tokens_max <= self.limits.cells
        assert sequence.id not in self._all
        self._all[sequence.id] = sequence
        self._queue.add(sequence)

    def propose(self, identity: int, draft: list[Token]) -> None:
        """Let the next step of a decoding sequence verify these guessed tokens."""
        assert self.limits.can_trim, "a wrong guess must be forgotten"
        self._all[identity].draft = draft

    def plan(self, chunk: int | None = None) -> Step:
        """The next step; empty when nothing can run.

        `chunk` bounds the prompt tokens that ride along with decoding sequences. Admission and its
        moves are settled here; rows count only when they are committed.
        """
        self._admit()
        decoding, prefilling = self._able()
        self._fit_drafts(decoding)
        decoding = [s for s in decoding if self._ensure_reserved(s)]
        rows = [self._decode_row(s) for s in decoding if s.phase is Phase.RUNNING]
        budget = self.limits.step_tokens - sum(len(row.tokens) for row in rows)
        if rows and chunk is not None:
            budget = min(budget, chunk)
        rows += self._prefill_rows([s for s in prefilling if s.phase is Phase.RUNNING], budget)
        return Step(self.memory.take_moves(), rows)

    def commit(self, step: Step, chosen: Mapping[int, list[Token]]) -> None:
        """Take a computed step and, for each row with logits, the tokens chosen from them.

        With a draft, `chosen` holds the verified tokens and one more; fewer when the answer ended
        within them.
        """
        for row in step.rows:
            sequence = self._running[row.sequence]
            tokens = chosen.get(row.sequence, []) if row.logits else []
            drafted = max(row.logits - 1, 0)
            right = max(len(tokens) - 1, 0)
            assert right <= drafted
            sequence.tokens.extend(tokens)
            sequence.draft = []
            self.memory.extend(sequence, len(row.tokens) - drafted + right, drafted - right)
            self._queue.serve(sequence, len(row.tokens))

    def finish(self, identity: int, *, keep: bool = True) -> None:
        """The sequence is over, by its end or by its caller's leaving. Unknown ids are ignored.

        With `keep` its cells stay for others with the same beginning until they are wanted.
        """
        sequence = self._all.pop(identity, None)
        if sequence is None:
            return
        self._queue.remove(sequence)
        if self._running.pop(identity, None) and keep and sequence.shares:
            self.memory.keep(sequence, is_parked=False)
        else:
            self.memory.release(sequence)
        if not any(s.domain == sequence.domain for s in self._all.values()):
            self._queue.forget(sequence.domain)

    def forget_kept(self) -> None:
        """Give up every kept sequence: the backend found less room than there should be."""
        while self.memory.drop_one():
            pass

    def occupancy(self) -> Occupancy:
        """Counts for gauges."""
        parked = sum(s.phase is Phase.PARKED for s in self._all.values())
        return Occupancy(
            running=len(self._running),
            waiting=len(self._queue) - parked,
            parked=parked,
            kept=self.memory.prefixes,
            cells_used=self._held(),
        )

    # --- admission -------------------------------------------------------------------------

    def _admit(self) -> None:
        if not len(self._queue):
            return
        for sequence in self._queue.in_order():
            if not self._has_slot(sequence):
                return
            if self._is_worth_waiting(sequence):
                continue  # Waits by choice, so it holds up nobody behind it.
            if not self._try_admit(sequence):
                return  # In order: a smaller one behind must not starve it.

    def _has_slot(self, sequence: Sequence) -> bool:
        """Whether a place among the running is free, or held by a guest who would have to yield."""
        if len(self._running) < self.limits.sequences:
            return True
        return sequence.priority is Priority.OWNER and any(self._guests())

    def _is_worth_waiting(self, sequence: Sequence) -> bool:
        """Whether another is computing a beginning of this prompt right now.

        The answer is remembered until that other has got there or stopped running, so a long queue
        is not compared with all that run at each step.
        """
        if not sequence.shares or sequence.phase is not Phase.WAITING:
            return False
        if sequence.waits_for is not None:
            other = self._running.get(sequence.waits_for[0])
            if other is not None and other.computed < sequence.waits_for[1]:
                return True
            sequence.waits_for = None
        known = self.memory.match(sequence)
        best = (known.length if known else 0) + SHARE_MIN - 1
        limit = len(sequence.tokens) - 1
        for other in self._running.values():
            if other.domain != sequence.domain or not other.shares:
                continue
            shared = common_prefix(sequence.tokens, other.tokens, 0, limit)
            if shared > best and other.computed < shared:
                best = shared
                sequence.waits_for = (other.id, shared)
        return sequence.waits_for is not None

    def _try_admit(self, sequence: Sequence) -> bool:
        if len(self._running) >= self.limits.sequences:
            self._park_guest()
        wanted = self._reservation(sequence)
        match = self._known(sequence)
        while not self._could_fit(wanted, match):
            if sequence.priority is not Priority.OWNER or not any(self._guests()):
                return False
            self._park_guest()
        while self._unreserved() < wanted - (match.length if match else 0):
            if not self.memory.drop_one(spare=match.slot if match else None):
                assert match is not None, "it could fit with all kept ones gone"
                match = None  # Its own cells are in the way of the rest: they go next.
        self._start(sequence, match, wanted)
        return True

    def _could_fit(self, wanted: int, match: Match | None) -> bool:
        """Whether cells would suffice if every kept sequence went. Asked before any is dropped,
        so that a long prompt that must wait anyway does not empty the cache for nothing."""
        running = {s.slot for s in self._running.values()}
        shared = match.length if match is not None and match.slot in running else 0
        return self.limits.cells - self._held() - self._promised() >= wanted - shared

    def _known(self, sequence: Sequence) -> Match | None:
        """What of a sequence's tokens is on the device: its own slot from before it was parked, or
        a beginning that another holds. A state saved in RAM needs neither."""
        own = self.memory.parked_slot(sequence)
        if own is not None:
            return Match(own, sequence.computed)
        return None if sequence.is_saved else self.memory.match(sequence)

    def _start(self, sequence: Sequence, match: Match | None, wanted: int) -> None:
        self.memory.begin(sequence, match)
        if sequence.phase is Phase.WAITING:
            sequence.cached = min(sequence.computed, sequence.prompt_tokens)
        sequence.phase = Phase.RUNNING
        sequence.reserved = wanted
        sequence.waits_for = None
        self._queue.remove(sequence)
        self._running[sequence.id] = sequence

    @staticmethod
    def _reservation(sequence: Sequence) -> int:
        rest = sequence.tokens_max - len(sequence.tokens)
        if sequence.is_open_ended:
            rest = min(rest, ANSWER_RESERVE)
        return len(sequence.tokens) + rest

    def _promised(self) -> int:
        """Cells that running sequences may still come to fill."""
        return sum(s.reserved - s.computed for s in self._running.values())

    def _unreserved(self) -> int:
        """Cells neither filled nor promised."""
        return self.memory.free - self._promised()

    def _held(self) -> int:
        """Cells of running sequences; kept ones yield at once."""
        return self.memory.held([s.slot for s in self._running.values() if s.slot is not None])

    # --- parking ---------------------------------------------------------------------------

    def _guests(self) -> Iterator[Sequence]:
        return (s for s in self._running.values() if s.priority is Priority.GUEST)

    def _park_guest(self) -> None:
        """The latest guest makes way for the owner."""
        self._park(max(self._guests(), key=_arrival))

    def _park(self, sequence: Sequence) -> None:
        del self._running[sequence.id]
        sequence.phase = Phase.PARKED
        sequence.reserved = 0
        sequence.draft = []
        self.memory.keep(sequence, is_parked=True)
        self._queue.add(sequence)

    def _ensure_reserved(self, sequence: Sequence) -> bool:
        """Whether the sequence may compute its next token; parks others, or it, to make room."""
        if sequence.phase is not Phase.RUNNING:
            return False
        if len(sequence.tokens) + len(sequence.draft) <= sequence.reserved:
            return True
        growth = min(GROWTH, sequence.tokens_max - sequence.reserved)
        while growth and self._unreserved() < growth:
            if self.memory.drop_one():
                continue
            victim = max(self._running.values(), key=lambda s: (s.priority, s.arrival))
            self._park(victim)
            if victim is sequence:
                return False
        sequence.reserved += growth
        if len(sequence.tokens) + len(sequence.draft) > sequence.reserved:
            sequence.draft = []
        return True

    # --- the step --------------------------------------------------------------------------

    def _able(self) -> tuple[list[Sequence], list[Sequence]]:
        """Those that decode and those in prefill, oldest first; guests stand aside while an
        owner's prompt is being computed."""
        running = sorted(self._running.values(), key=_arrival)
        owner_prefills = any(s.is_prefill and s.priority is Priority.OWNER for s in running)
        if owner_prefills:
            running = [s for s in running if s.priority is Priority.OWNER]
        return (
            [s for s in running if not s.is_prefill],
            [s for s in running if s.is_prefill],
        )

    def _fit_drafts(self, decoding: list[Sequence]) -> None:
        """Drop the drafts that would take the step past its size."""
        left = self.limits.step_tokens - len(decoding)
        for sequence in decoding:
            if len(sequence.draft) > left:
                sequence.draft = []
            left -= len(sequence.draft)

    @staticmethod
    def _decode_row(sequence: Sequence) -> Row:
        assert sequence.slot is not None
        tokens = [sequence.tokens[-1], *sequence.draft]
        return Row(sequence.id, sequence.slot, sequence.computed, tokens, logits=len(tokens))

    def _prefill_rows(self, prefilling: list[Sequence], budget: int) -> list[Row]:
        if not prefilling or budget <= 0:
            return []
        if prefilling[0].priority is Priority.GUEST:
            budget = min(budget, GUEST_CHUNK)
        cuts = {} if self.limits.can_trim else self._cuts()
        wanted = [min(s.pending, cuts.get(s.id, s.pending)) for s in prefilling]
        rows = []
        for sequence, size in zip(prefilling, shares(wanted, budget), strict=True):
            if size:
                assert sequence.slot is not None
                start = sequence.computed
                tokens = sequence.tokens[start : start + size]
                is_last = size == sequence.pending
                rows.append(Row(sequence.id, sequence.slot, start, tokens, logits=int(is_last)))
        return rows

    def _cuts(self) -> dict[int, int]:
        """Where prefills must pause so that a waiting one can copy the state, which in a memory
        that cannot be trimmed is good for its exact length only. Tokens from `computed` on."""
        cuts: dict[int, int] = {}
        for waiting in self._queue.in_order():
            if waiting.waits_for is None:
                continue
            other = self._running.get(waiting.waits_for[0])
            if other is not None and other.computed < waiting.waits_for[1]:
                distance = waiting.waits_for[1] - other.computed
                cuts[other.id] = min(distance, cuts.get(other.id, distance))
        return cuts


def shares(wanted: Iterable[int], budget: int) -> list[int]:
    """Tokens of `budget` for each prompt, oldest first.

    The oldest is sure of half, so that a long prompt always gets on; of the rest the shortest is
    served first, which keeps the mean time to the first token low; what is left is the oldest's.
    """
    wanted = list(wanted)
    given = [0] * len(wanted)
    given[0] = min(wanted[0], (budget + 1) // 2)
    left = budget - given[0]
    for index in sorted(range(1, len(wanted)), key=lambda i: (wanted[i], i)):
        given[index] = min(wanted[index], left)
        left -= given[index]
    given[0] += min(wanted[0] - given[0], left)
    return given


def _arrival(sequence: Sequence) -> int:
    return sequence.arrival
