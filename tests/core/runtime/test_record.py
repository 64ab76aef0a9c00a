"""What engines load by the owner's wish and by what was proved."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.runtime.record import (
    EVERY,
    PackFolder,
    Pair,
    Proof,
    RuntimeRecord,
    closed_by_a_driver,
    is_allowed,
    is_off,
    pins,
    plan_of,
    wished,
    with_proof,
    without_proofs,
)

BUILD = "0.3.36-ggml0.25.3"
NEW = PackFolder(pack="cuda13-1.1", folder="/n", backend="cuda", build=BUILD)
OLD = PackFolder(pack="cuda13-1.0", folder="/o", backend="cuda", build=BUILD)
CARD = Pair(device="NVIDIA GeForce RTX 4090", backend="cuda", pack="cuda13-1.1", build=BUILD)


def proof(pair: Pair, *, is_good: bool) -> Proof:
    return Proof(pair=pair, is_good=is_good, at=1.0, reason="" if is_good else "it crashed")


BOTH = RuntimeRecord(
    proofs=tuple(
        proof(replace(CARD, pack=pack), is_good=True) for pack in ("cuda13-1.1", "cuda13-1.0")
    )
)


def test_a_pack_that_never_passed_is_not_even_opened() -> None:
    failed = with_proof(RuntimeRecord(), proof(CARD, is_good=False))

    assert plan_of(RuntimeRecord(), (NEW,)).packs == ()
    assert plan_of(failed, (NEW,)).packs == ()


def test_a_module_that_cannot_be_opened_is_not_loaded() -> None:
    inside = Pair(device=EVERY, backend="vulkan", build=BUILD)
    record = with_proof(BOTH, proof(inside, is_good=False))
    broken = with_proof(record, proof(replace(CARD, device=EVERY), is_good=False))

    assert is_off(plan_of(record, (NEW, OLD)), "vulkan")
    assert plan_of(broken, (NEW, OLD)).packs == (OLD,)


def test_by_itself_every_pack_and_module_is_loaded_the_newest_first() -> None:
    plan = plan_of(BOTH, (NEW, OLD))

    assert plan.packs == (NEW, OLD)
    assert plan.off == ()


def test_a_chosen_pack_comes_alone_of_its_back_end_and_leaves_the_others() -> None:
    plan = plan_of(replace(BOTH, wish="cuda13-1.0"), (NEW, OLD))

    assert plan.packs == (OLD,)
    assert not is_off(plan, "cuda")
    assert not is_off(plan, "vulkan")


def test_a_chosen_back_end_leaves_out_what_is_preferred_to_it() -> None:
    plan = plan_of(RuntimeRecord(wish="vulkan"), (NEW,))

    assert plan.packs == ()
    assert is_off(plan, "cuda")
    assert not is_off(plan, "vulkan")


def test_the_processor_alone_leaves_out_every_gpu() -> None:
    plan = plan_of(RuntimeRecord(wish="cpu"), (NEW,))

    assert plan.packs == ()
    assert all(is_off(plan, backend) for backend in ("cuda", "vulkan", "novel"))
    assert not is_off(plan, "cpu")


def test_a_wish_for_a_pack_that_is_gone_is_as_none() -> None:
    gone = plan_of(RuntimeRecord(wish="cuda13-0.9"), (NEW,))

    assert gone == plan_of(RuntimeRecord(), (NEW,))


def test_only_a_pair_that_was_tried_and_passed_is_computed_on() -> None:
    untried = RuntimeRecord()
    passed = with_proof(untried, proof(CARD, is_good=True))
    failed = with_proof(passed, proof(CARD, is_good=False))

    allowed = [
        is_allowed(plan_of(record, (NEW,)), CARD)
        for record in (untried, passed, failed, without_proofs(failed, [CARD]))
    ]

    assert allowed == [False, True, False, False]
    assert [pin.reason for pin in pins(failed, build=BUILD)] == ["it crashed"]
    assert pins(failed, build="another") == ()


def test_a_proof_is_of_one_pack_and_build_and_says_nothing_of_another() -> None:
    record = with_proof(RuntimeRecord(), proof(CARD, is_good=True))
    plan = plan_of(record, (NEW,))

    assert not is_allowed(plan, replace(CARD, pack="cuda13-1.0"))
    assert not is_allowed(plan, replace(CARD, build="another"))
    assert not is_allowed(plan, replace(CARD, device="another"))


def test_a_proof_is_of_one_driver_and_the_last_one_takes_the_place_of_others() -> None:
    new = replace(CARD, driver="585.10")
    record = with_proof(RuntimeRecord(), proof(replace(CARD, driver="580.65"), is_good=True))
    failed = with_proof(record, proof(new, is_good=False))

    assert not is_allowed(plan_of(record, (NEW,)), new)
    assert [p.pair for p in failed.proofs] == [new]
    assert without_proofs(failed, [CARD]).proofs == ()


def test_what_is_closed_is_tried_under_a_driver_that_is_known_to_be_another() -> None:
    every = Pair(device=EVERY, backend="vulkan", build=BUILD, driver="A 1; B 1")
    record = with_proof(RuntimeRecord(), proof(every, is_good=False))
    record = with_proof(record, proof(replace(CARD, driver="580.65"), is_good=False))

    def closed(**drivers: list[str]) -> list[tuple[str, str]]:
        return closed_by_a_driver(record, drivers, build=BUILD)

    assert closed(vulkan=["B 1", "A 1"], cuda=["580.65"]) == closed() == []
    assert closed(vulkan=["A 2", "B 1"]) == [("vulkan", "")]
    assert closed(cuda=["585.10"]) == [("cuda", CARD.pack)]
    assert closed_by_a_driver(record, {"cuda": ["585.10"]}, build="another") == []


def test_a_pack_that_passed_somewhere_is_opened_and_needs_no_trial_of_its_own() -> None:
    other = replace(CARD, device="another", driver="580.65")
    record = with_proof(BOTH, proof(other, is_good=False))

    assert closed_by_a_driver(record, {"cuda": ["585.10"]}, build=BUILD) == []


def test_a_new_wish_remembers_the_one_before_and_the_same_one_does_not() -> None:
    chosen = wished(RuntimeRecord(), "vulkan")

    assert (chosen.wish, chosen.previous) == ("vulkan", "auto")
    assert wished(chosen, "vulkan") == chosen


@given(st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=300))
def test_the_last_trial_of_a_pair_counts_however_many_there_are(
    trials: list[tuple[int, bool]],
) -> None:
    record = RuntimeRecord()
    for number, is_good in trials:
        record = with_proof(record, proof(replace(CARD, device=str(number)), is_good=is_good))

    devices = [each.pair.device for each in record.proofs]
    assert len(devices) == len(set(devices)) <= 100
    if trials:
        number, is_good = trials[-1]
        assert record.proofs[-1].pair.device == str(number)
        assert record.proofs[-1].is_good == is_good
