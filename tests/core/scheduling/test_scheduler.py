"""Laws of the scheduler, one by one."""

import itertools

import pytest

from app.core.base.ids import Domain
from app.core.scheduling.limits import GUEST_CHUNK, Limits
from app.core.scheduling.scheduler import Scheduler, shares
from app.core.scheduling.sequence import Phase, Priority, Sequence
from app.core.scheduling.step import Copy, Step
from tests.core.scheduling.device import Device


class Bench:
    """A scheduler with a device under it, and a model that always says 3."""

    def __init__(
        self, *, cells: int = 1000, sequences: int = 4, step_tokens: int = 64, **more: int
    ) -> None:
        slots = more.pop("slots", sequences + 4)
        can_trim = bool(more.pop("can_trim", True))
        self.limits = Limits(
            cells=cells,
            slots=slots,
            sequences=sequences,
            step_tokens=step_tokens,
            can_trim=can_trim,
            **more,
        )
        self.scheduler = Scheduler(self.limits)
        self.device = Device(cells, can_trim=can_trim)
        self._ids = itertools.count(1)
        self.computed = 0

    def add(
        self,
        prompt: list[int],
        answer: int | None = 4,
        *,
        guest: str = "",
        shares: bool = True,
    ) -> Sequence:
        identity = next(self._ids)
        limit = self.limits.cells if answer is None else len(prompt) + answer
        sequence = Sequence(
            id=identity,
            domain=Domain(guest or "owner"),
            priority=Priority.GUEST if guest else Priority.OWNER,
            arrival=identity,
            tokens=list(prompt),
            prompt_tokens=len(prompt),
            tokens_max=limit,
            is_open_ended=answer is None,
            shares=shares,
        )
        self.scheduler.add(sequence)
        return sequence

    def step(self, chunk: int | None = None) -> Step:
        step = self.scheduler.plan(chunk)
        self.device.run(step)
        self.computed += step.tokens
        self.scheduler.commit(step, {row.sequence: [3] for row in step.rows if row.logits})
        return step

    def finish_full(self, *sequences: Sequence) -> None:
        for sequence in sequences:
            if len(sequence.tokens) >= sequence.tokens_max:
                self.scheduler.finish(sequence.id)

    def run(self, *sequences: Sequence) -> None:
        for _ in range(10_000):
            self.finish_full(*sequences)
            if not any(s.id in self.scheduler for s in sequences):
                return
            self.step()
        raise AssertionError("they do not end")


def prompt(size: int, seed: int = 1) -> list[int]:
    return [(seed * 7919 + i) % 1000 + 10 for i in range(size)]


def rows(step: Step) -> dict[int, int]:
    return {row.sequence: len(row.tokens) for row in step.rows}


def test_twenty_requests_with_one_long_beginning_compute_it_once() -> None:
    bench = Bench(cells=4000, sequences=20)
    common = prompt(500)
    many = [bench.add([*common, *prompt(5, seed)], 3) for seed in range(20)]

    bench.run(*many)

    assert bench.computed <= 500 + 20 * (5 + 3)
    assert sum(s.cached for s in many) == 19 * 500


def test_a_beginning_is_shared_as_soon_as_it_is_computed_while_its_owner_goes_on() -> None:
    bench = Bench(step_tokens=50)
    first = bench.add(prompt(300))
    second = bench.add([*prompt(300)[:100], *prompt(5, 2)])

    for _ in range(3):
        bench.step()

    assert second.phase is Phase.RUNNING
    assert second.cached == 100
    assert first.computed < 300


def test_two_domains_never_share() -> None:
    bench = Bench()
    mine = bench.add(prompt(100))
    theirs = bench.add(prompt(100), guest="ann")

    bench.run(mine, theirs)

    assert theirs.cached == 0
    assert bench.computed >= 200


def test_an_uncached_request_neither_takes_nor_leaves_a_beginning() -> None:
    bench = Bench()
    first = bench.add(prompt(100))
    bench.run(first)
    alone = bench.add(prompt(100), shares=False)

    bench.run(alone)

    assert alone.cached == 0


def test_the_next_turn_of_a_conversation_computes_only_what_is_new() -> None:
    bench = Bench()
    turn = bench.add(prompt(100), 10)
    bench.run(turn)
    following = bench.add([*turn.tokens, *prompt(8, 5)])

    bench.run(following)

    assert following.cached == 109  # The last token was sampled, never computed.


def test_a_memory_that_cannot_trim_continues_a_conversation_from_its_exact_end() -> None:
    bench = Bench(can_trim=0)
    turn = bench.add(prompt(100), 10)
    bench.run(turn)
    following = bench.add([*turn.tokens, *prompt(8, 5)])
    other = bench.add([*turn.tokens[:50], *prompt(8, 6)])

    bench.run(following, other)

    assert following.cached == 109
    assert other.cached == 0


def test_prompts_that_cannot_be_trimmed_still_share_what_is_computed_together() -> None:
    bench = Bench(can_trim=0, cells=4000)
    common = prompt(200)
    both = [bench.add([*common, *prompt(20, seed)], 3) for seed in (2, 3)]

    bench.run(*both)

    assert both[1].cached == 200


def test_prefill_rides_with_decode_within_the_chunk() -> None:
    bench = Bench()
    talker = bench.add(prompt(10), 50)
    bench.step()
    reader = bench.add(prompt(300, 2))

    step = bench.step(chunk=32)

    assert rows(step) == {talker.id: 1, reader.id: 32}


def test_a_guest_prefills_in_small_chunks_even_alone() -> None:
    bench = Bench(step_tokens=512, cells=4000)
    guest = bench.add(prompt(600), guest="ann")

    assert rows(bench.step()) == {guest.id: GUEST_CHUNK}


def test_guests_stand_aside_while_the_owners_prompt_is_computed_and_then_ride_along() -> None:
    bench = Bench()
    guest = bench.add(prompt(10), 50, guest="ann")
    bench.step()
    owner = bench.add(prompt(100, 2))

    during = [rows(bench.step()) for _ in range(2)]
    after = rows(bench.step())

    assert during == [{owner.id: 64}, {owner.id: 36}]
    assert after == {guest.id: 1, owner.id: 1}


def test_the_owner_takes_a_guests_place_and_the_guest_goes_on_after_without_new_work() -> None:
    bench = Bench(sequences=1)
    guest = bench.add(prompt(50), 20, guest="ann")
    for _ in range(5):
        bench.step()
    before = guest.computed
    owner = bench.add(prompt(30, 2))

    step = bench.step()

    assert rows(step) == {owner.id: 30}
    assert guest.phase is Phase.PARKED
    bench.run(owner)
    computed = bench.computed
    bench.run(guest)
    assert bench.computed - computed == 70 - before - 1


def test_a_parked_guest_whose_cells_are_needed_comes_back_from_ram() -> None:
    bench = Bench(cells=100, sequences=2, saved_cells_max=1000)
    guest = bench.add(prompt(50), 20, guest="ann")
    for _ in range(5):
        bench.step()
    owner = bench.add(prompt(70, 2), 20)

    bench.run(owner)
    computed = bench.computed
    bench.run(guest)

    assert not bench.device.saved
    assert bench.computed - computed < 25


def test_without_ram_a_parked_guest_is_computed_again_and_still_ends() -> None:
    bench = Bench(cells=100, sequences=2)
    guest = bench.add(prompt(50), 20, guest="ann")
    for _ in range(5):
        bench.step()
    owner = bench.add(prompt(70, 2), 20)

    bench.run(owner, guest)

    assert len(guest.tokens) == 70


def test_what_is_admitted_has_its_whole_answer_reserved() -> None:
    bench = Bench(cells=100)
    first = bench.add(prompt(40), 20)
    second = bench.add(prompt(40, 2), 20)

    bench.step()

    assert first.phase is Phase.RUNNING
    assert second.phase is Phase.WAITING


def test_a_small_request_does_not_overtake_one_that_waits_for_room() -> None:
    bench = Bench(cells=100)
    bench.add(prompt(60), 20)
    large = bench.add(prompt(50, 2), 20)
    small = bench.add(prompt(5, 3), 2)

    bench.step()

    assert large.phase is Phase.WAITING
    assert small.phase is Phase.WAITING


def test_open_ended_answers_run_together_and_the_first_comer_ends_first() -> None:
    bench = Bench(cells=3000)
    both = [bench.add(prompt(40, seed), None) for seed in (1, 2)]

    for _ in range(6000):
        bench.finish_full(*both)
        if both[0].id not in bench.scheduler:
            break
        bench.step()

    assert both[0].id not in bench.scheduler
    assert both[1].id in bench.scheduler


def test_a_guest_with_many_requests_does_not_crowd_out_one_with_few() -> None:
    bench = Bench(sequences=1)
    many = [bench.add(prompt(20, seed), 10, guest="ann") for seed in range(5)]
    bench.step()
    few = bench.add(prompt(20, 9), 10, guest="bob")

    bench.run(many[0])
    bench.step()

    assert few.phase is Phase.RUNNING


def test_kept_beginnings_yield_to_new_work_the_longest_unused_first() -> None:
    bench = Bench(cells=200)
    old, new = bench.add(prompt(60, 1), 2), bench.add(prompt(60, 2), 2)
    bench.run(old, new)
    bench.run(bench.add(prompt(100, 3), 2))

    again_new = bench.add(prompt(60, 2), 2)
    bench.run(again_new)

    assert again_new.cached == 59


def test_a_request_that_must_wait_anyway_does_not_empty_the_cache() -> None:
    bench = Bench(cells=200)
    bench.run(bench.add(prompt(60, 1), 2))
    bench.add(prompt(80, 2), 40)
    bench.step()
    bench.add(prompt(100, 3), 40)
    bench.step()

    assert bench.scheduler.occupancy().kept == 1


def test_a_leaving_client_frees_its_cells_at_once() -> None:
    bench = Bench()
    talker = bench.add(prompt(100), 50)
    bench.step()
    bench.step()

    bench.scheduler.finish(talker.id)

    assert bench.scheduler.occupancy().cells_used == 0


def test_rejected_guesses_are_forgotten_before_the_next_step() -> None:
    bench = Bench()
    talker = bench.add(prompt(10), 50)
    bench.step()
    bench.scheduler.propose(talker.id, [3, 3, 9])
    step = bench.scheduler.plan()
    bench.device.run(step)
    bench.scheduler.commit(step, {talker.id: [3, 3, 3]})

    bench.step()

    assert bench.device.held(step.rows[0].slot) == talker.tokens[:-1]


def test_sharing_is_a_copy_of_cells_not_of_work() -> None:
    bench = Bench()
    first = bench.add(prompt(50), 2)
    bench.run(first)
    bench.add([*prompt(50), 5, 6])

    step = bench.step()

    assert [type(move) for move in step.moves if isinstance(move, Copy)] == [Copy]
    assert step.tokens == 2


@pytest.mark.parametrize(
    ("wanted", "budget", "given"),
    [
        ([100], 64, [64]),
        ([100, 10], 64, [54, 10]),
        ([100, 80, 10], 64, [32, 22, 10]),
        ([5, 5, 5], 64, [5, 5, 5]),
        ([100, 100], 1, [1, 0]),
    ],
)
def test_the_oldest_prompt_is_sure_of_half_and_the_shortest_goes_next(
    wanted: list[int], budget: int, given: list[int]
) -> None:
    assert shares(wanted, budget) == given
