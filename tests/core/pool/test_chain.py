"""A chain names the first entry that was altered, left out, moved or told in two ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.base.units import Micros
from app.core.pool.chain import Head, verify_receipts, verify_verdicts
from app.core.pool.checkpoint import read_checkpoint
from app.core.pool.receipt import RECEIPT
from app.core.pool.signed import SignedBytes, split_signed
from app.server.identity.keys import verify
from tests.core.pool.chains import (
    DEVICE,
    POOL,
    a_receipt,
    checkpoints,
    flipped,
    receipts,
    signed,
    verdicts,
)
from tests.core.pool.session_pair import device_key, pool_key

CHAIN = receipts(6)
VERDICTS = verdicts(CHAIN)
CHECKPOINTS = checkpoints(VERDICTS, [0, 2, 6])


def breach_of(entries: list[SignedBytes], head: Head | None = None):
    return verify_receipts(entries, device=DEVICE.device, pool=POOL.pool, verify=verify, head=head)


def test_what_was_signed_in_order_holds() -> None:
    assert breach_of(CHAIN) is None
    assert breach_of(CHAIN, Head(6, CHAIN[-1].hash)) is None
    assert breach_of([], Head(0, b"")) is None
    assert verify_verdicts(VERDICTS, pool=POOL.pool, verify=verify) is None


@given(st.data())
def test_a_flipped_bit_of_any_entry_is_found_at_that_entry(data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(CHAIN) - 1))
    joined = CHAIN[index].joined
    bit = data.draw(st.integers(0, len(joined) * 8 - 1))
    chain = [*CHAIN]

    chain[index] = split_signed(flipped(joined, bit))
    breach = breach_of(chain)

    assert breach is not None
    assert (breach.index, breach.kind) == (index, "altered")


def test_every_bit_of_one_verdict_and_one_checkpoint_is_held() -> None:
    joined = VERDICTS[1].joined
    for bit in range(0, len(joined) * 8, 7):
        changed = [VERDICTS[0], split_signed(flipped(joined, bit)), *VERDICTS[2:]]
        breach = verify_verdicts(changed, pool=POOL.pool, verify=verify)
        assert breach is not None
        assert (breach.index, breach.kind) == (1, "altered")
    joined = CHECKPOINTS[1].joined
    for bit in range(0, len(joined) * 8, 7):
        assert read_checkpoint(split_signed(flipped(joined, bit)), POOL.pool, verify) is None


@pytest.mark.parametrize("index", range(5))
def test_an_entry_that_is_left_out_is_missed_at_its_place(index: int) -> None:
    breach = breach_of([*CHAIN[:index], *CHAIN[index + 1 :]])

    assert breach is not None
    assert (breach.index, breach.kind) == (index, "missing")
    assert breach.message == f"entry {index} is missing"


def test_a_chain_that_was_cut_at_its_end_is_short_of_its_head() -> None:
    breach = breach_of(CHAIN[:4], Head(6, CHAIN[-1].hash))

    assert breach is not None
    assert (breach.index, breach.kind) == (4, "missing")


@given(st.permutations(range(6)))
def test_entries_in_another_order_are_found_at_the_first_that_moved(order: list[int]) -> None:
    breach = breach_of([CHAIN[number] for number in order])

    moved = [place for place, number in enumerate(order) if place != number]
    if moved:
        assert breach is not None
        assert (breach.index, breach.kind) == (moved[0], "reordered")
    else:
        assert breach is None


@pytest.mark.parametrize("cut", range(7))
def test_a_long_chain_may_be_looked_at_in_pages(cut: int) -> None:
    pages = CHAIN[:cut], CHAIN[cut:]
    after = Head(cut, pages[0][-1].hash if cut else b"")
    held = {"device": DEVICE.device, "pool": POOL.pool, "verify": verify}

    assert verify_receipts(pages[1], **held, after=after, head=Head(6, CHAIN[-1].hash)) is None
    if cut < 6:
        breach = verify_receipts(pages[1], **held, after=Head(cut, b"x" * 32))
        assert breach is not None
        assert (breach.index, breach.kind) == (cut, "forked")
        breach = verify_receipts(pages[1][1:], **held, after=after, head=Head(6, b""))
        assert breach is not None
        assert (breach.index, breach.kind) == (cut, "missing")


def test_an_entry_that_stands_twice_is_found() -> None:
    breach = breach_of([*CHAIN[:3], CHAIN[1], *CHAIN[3:]])

    assert breach is not None
    assert (breach.index, breach.kind) == (3, "reordered")


def test_a_second_entry_of_one_number_is_a_fork() -> None:
    other = signed(RECEIPT.encode(replace(a_receipt(2, CHAIN[1].hash), tokens_out=99)), DEVICE)

    beside = breach_of([*CHAIN[:3], other, *CHAIN[3:]])
    instead = breach_of([*CHAIN[:2], other, *CHAIN[3:]])
    at_the_end = breach_of([*CHAIN[:2], other], Head(3, CHAIN[2].hash))

    assert beside and (beside.index, beside.kind) == (3, "forked")
    assert instead and (instead.index, instead.kind) == (3, "forked")
    assert at_the_end and (at_the_end.index, at_the_end.kind) == (2, "forked")


def test_an_entry_of_another_device_pool_or_kind_is_foreign() -> None:
    other_pool = signed(RECEIPT.encode(replace(a_receipt(), pool=pool_key(9).pool)), DEVICE)
    other_device = signed(RECEIPT.encode(replace(a_receipt(), device=device_key(2).device)), DEVICE)
    no_receipt = signed(b"athanor receipt 2\n\x80", DEVICE)

    for entry in (other_pool, other_device, no_receipt):
        breach = breach_of([entry])
        assert breach is not None
        assert (breach.index, breach.kind) == (0, "foreign")


def test_a_chain_that_another_key_signed_does_not_hold() -> None:
    breach = breach_of(receipts(2, device_key(2)))

    assert breach is not None
    assert (breach.index, breach.kind) == (0, "altered")


def test_a_receipt_cannot_stand_as_a_verdict_nor_the_other_way_round() -> None:
    as_verdict = signed(CHAIN[0].body, POOL)
    as_receipt = signed(VERDICTS[0].body, DEVICE)

    of_host = verify_verdicts([as_verdict], pool=POOL.pool, verify=verify)
    of_node = breach_of([as_receipt])

    assert of_host is not None and of_host.kind == "foreign"
    assert of_node is not None and of_node.kind == "foreign"


def test_fields_of_a_later_program_are_passed_over_and_stay_under_the_signature() -> None:
    line, _, packed = CHAIN[0].body.partition(b"\n")
    count = packed[0:3]
    assert count[0] == 0xDE  # a map of more than 15 entries: its size in the next two bytes
    more = (int.from_bytes(count[1:]) + 1).to_bytes(2, "big")
    later = line + b"\n" + b"\xde" + more + packed[3:] + b"\xa5price" + b"\x07"

    entry = signed(later, DEVICE)

    assert breach_of([entry]) is None
    assert RECEIPT.read(entry.body) == RECEIPT.read(CHAIN[0].body)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_verification_raise(data: bytes) -> None:
    entry = signed(b"athanor receipt 1\n" + data, DEVICE)

    breach = breach_of([entry])

    assert breach is not None


@pytest.mark.parametrize("time", ["2026-11-22T07:00:00Z", "", 1.5, None])
def test_a_time_is_whole_microseconds_and_no_text_is_taken_for_one(time: object) -> None:
    written = RECEIPT.encode(replace(a_receipt(), ended_at=time))  # type: ignore[type-var]

    assert RECEIPT.read(written) is None


def test_prices_and_amounts_stay_whole_numbers() -> None:
    receipt = a_receipt()
    with_fraction = RECEIPT.encode(replace(receipt, prices=(Micros(1), Micros(1), 0.5)))

    assert RECEIPT.read(with_fraction) is None
