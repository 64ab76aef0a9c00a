"""Laws of the scheduler under any order of calls, on a device that knows its cells."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.core.base.ids import Domain
from app.core.scheduling.limits import Limits
from app.core.scheduling.scheduler import Scheduler
from app.core.scheduling.sequence import Phase, Priority, Sequence
from app.core.scheduling.step import Step
from tests.core.scheduling.device import Device

STEPS_TO_END = 3000


class SchedulerMachine(RuleBasedStateMachine):
    """Requests come, leave, end; some draft; cells, slots and RAM are scarce."""

    @initialize(
        limits=st.builds(
            lambda sequences, spare, **sizes: Limits(
                sequences=sequences, slots=sequences + spare, **sizes
            ),
            sequences=st.integers(1, 4),
            spare=st.integers(1, 3),
            cells=st.integers(24, 80),
            step_tokens=st.integers(4, 40),
            can_trim=st.booleans(),
            saved_cells_max=st.integers(0, 60),
        )
    )
    def begin(self, limits: Limits) -> None:
        self.limits = limits
        self.scheduler = Scheduler(limits)
        self.device = Device(limits.cells, can_trim=limits.can_trim)
        self.live: dict[int, Sequence] = {}
        self.count = 0

    @rule(
        prompt=st.lists(st.integers(0, 1), min_size=1, max_size=20),
        answer=st.integers(0, 12),
        guest=st.sampled_from(["", "", "ann", "bob"]),
        is_open_ended=st.booleans(),
        shares=st.sampled_from([True, True, False]),
    )
    def add(
        self, prompt: list[int], answer: int, guest: str, is_open_ended: bool, shares: bool
    ) -> None:
        self.count += 1
        prompt = [7] * 9 + prompt[: self.limits.cells - 10]
        sequence = Sequence(
            id=self.count,
            domain=Domain(guest or "owner"),
            priority=Priority.GUEST if guest else Priority.OWNER,
            arrival=self.count,
            tokens=list(prompt),
            prompt_tokens=len(prompt),
            tokens_max=min(len(prompt) + answer + 1, self.limits.cells),
            is_open_ended=is_open_ended,
            shares=shares,
        )
        self.live[sequence.id] = sequence
        self.scheduler.add(sequence)

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        if self.live:
            identity = data.draw(st.sampled_from(sorted(self.live)))
            del self.live[identity]
            self.scheduler.finish(identity, keep=data.draw(st.booleans()))

    @rule(chunk=st.integers(1, 20) | st.none(), guesses=st.lists(st.integers(0, 3), max_size=3))
    def step(self, chunk: int | None, guesses: list[int]) -> None:
        self._step(chunk, guesses)

    def _step(self, chunk: int | None, guesses: list[int]) -> Step:
        if guesses and self.limits.can_trim:
            for sequence in self.live.values():
                if sequence.phase is Phase.RUNNING and not sequence.is_prefill:
                    self.scheduler.propose(sequence.id, list(guesses))
        step = self.scheduler.plan(chunk)
        for move in step.moves:
            self.device.move(move)
        for row in step.rows:
            sequence = self.live[row.sequence]
            assert self.device.held(row.slot) == sequence.tokens[: sequence.computed]
        self.device.run(Step([], step.rows))
        assert step.tokens <= self.limits.step_tokens
        chosen = {row.sequence: self._choose(row.sequence, row.logits) for row in step.rows}
        self.scheduler.commit(step, chosen)
        for identity in [s.id for s in self.live.values() if len(s.tokens) >= s.tokens_max]:
            del self.live[identity]
            self.scheduler.finish(identity)
        return step

    def _choose(self, identity: int, logits: int) -> list[int]:
        """Accept one guess in two, then the model's own token."""
        sequence = self.live[identity]
        room = sequence.tokens_max - len(sequence.tokens)
        return [*sequence.draft[: logits // 2], 3][:room] if logits else []

    @invariant()
    def memory_is_sound(self) -> None:
        self.scheduler.memory.check()
        memory = self.scheduler.memory
        assert memory.used + memory.free == self.limits.cells
        occupancy = self.scheduler.occupancy()
        assert occupancy.running <= self.limits.sequences
        assert occupancy.running + occupancy.waiting + occupancy.parked == len(self.live)

    def teardown(self) -> None:
        """Whatever was added ends, and then nothing but kept prefixes remains."""
        for _ in range(STEPS_TO_END):
            if not self.live:
                break
            assert self._step(None, []).rows, "something is queued and nothing runs"
        assert not self.live
        assert self.scheduler.occupancy().cells_used == 0
        for move in self.scheduler.plan().moves:
            self.device.move(move)
        assert not self.device.saved
        assert self.device.used == self.scheduler.memory.used


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
