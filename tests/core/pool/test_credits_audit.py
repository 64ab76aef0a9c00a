"""What a node keeps proves what it earned, or names the first entry that does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.base.units import Micros
from app.core.pool.chain import Head
from app.core.pool.credits_audit import CreditsReport, Settled, audit_credits
from app.core.pool.receipt import VERDICT
from app.core.pool.signed import split_signed
from app.server.identity.keys import verify
from tests.core.pool.chains import (
    DEVICE,
    POOL,
    a_verdict,
    checkpoints,
    flipped,
    receipts,
    settled,
    signed,
    verdicts,
)
from tests.core.pool.session_pair import pool_key

KEPT = settled(5)


def report_of(entries: list[Settled], checkpoints=(), head=None) -> CreditsReport:
    report = audit_credits(
        entries,
        device=DEVICE.device,
        pool=POOL.pool,
        verify=verify,
        checkpoints=checkpoints,
        head=head,
    )
    counted = report.settled + report.pending + report.mismatched + report.unreadable
    assert report.seen == counted == len(entries)
    return report


def test_what_is_whole_is_sound_and_sums_up() -> None:
    chain = [entry.verdict for entry in KEPT if entry.verdict]

    report = report_of(KEPT, checkpoints(chain, [2, 5]), Head(5, KEPT[-1].receipt.hash))

    assert report.is_sound
    assert (report.settled, report.earned) == (5, 5 * 15)


def test_receipts_without_a_verdict_are_pending_and_no_fault() -> None:
    report = report_of([*KEPT[:3], *(Settled(entry.receipt, None) for entry in KEPT[3:])])

    assert report.is_sound
    assert (report.settled, report.pending, report.earned) == (3, 2, 45)


@given(st.data())
def test_a_flipped_bit_of_receipt_or_verdict_is_found_at_its_entry(data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(KEPT) - 1))
    is_receipt = data.draw(st.booleans())
    entry = KEPT[index]
    assert entry.verdict is not None
    joined = (entry.receipt if is_receipt else entry.verdict).joined
    changed = split_signed(flipped(joined, data.draw(st.integers(0, len(joined) * 8 - 1))))
    entries = [*KEPT]

    entries[index] = entry._replace(**{"receipt" if is_receipt else "verdict": changed})
    report = report_of(entries)

    assert report.breaches[0].index == index
    assert report.breaches[0].kind == "altered"
    assert report.unreadable + report.mismatched == 1


def test_a_verdict_about_another_receipt_is_found() -> None:
    swapped = [KEPT[0], KEPT[1]._replace(verdict=KEPT[2].verdict), *KEPT[2:]]

    breach = report_of(swapped).breaches[0]

    assert (breach.index, breach.kind) == (1, "forked")
    assert "another receipt" in breach.message


GREED = {
    "more answer than was claimed": {"answer": 1000},
    "more prompt than was claimed": {"prompt": 101},
    "a negative payment": {"earned": Micros(-1)},
    "another job": {"job": "another"},
}


@pytest.mark.parametrize("change", GREED.values(), ids=GREED.keys())
def test_a_verdict_that_does_not_fit_its_receipt_is_found(change) -> None:
    verdict = replace(a_verdict(KEPT[0].receipt), **change)
    entry = KEPT[0]._replace(verdict=signed(VERDICT.encode(verdict), POOL))

    (breach,) = report_of([entry]).breaches

    assert breach.index == 0


def test_a_verdict_of_another_pools_key_is_found() -> None:
    verdict = VERDICT.encode(a_verdict(KEPT[0].receipt))

    (breach,) = report_of([KEPT[0]._replace(verdict=signed(verdict, pool_key(9)))]).breaches

    assert breach.kind == "altered"


def test_two_verdicts_of_one_number_are_a_fork() -> None:
    twice = VERDICT.encode(a_verdict(KEPT[1].receipt, number=0))

    (breach,) = report_of([KEPT[0], KEPT[1]._replace(verdict=signed(twice, POOL))]).breaches

    assert (breach.index, breach.kind) == (1, "forked")
    assert "verdicts of one number" in breach.message


def test_neighbouring_verdicts_of_two_chains_are_a_fork() -> None:
    other = verdicts([entry.receipt for entry in KEPT], charged=17)

    (breach, *_) = report_of([*KEPT[:2], KEPT[2]._replace(verdict=other[2]), *KEPT[3:]]).breaches

    assert (breach.index, breach.kind) == (2, "forked")


def test_a_verdict_that_a_checkpoint_does_not_vouch_for_is_found() -> None:
    other = verdicts([entry.receipt for entry in KEPT], charged=17)

    (breach,) = report_of(KEPT, checkpoints(other, [3])).breaches

    assert (breach.index, breach.kind) == (2, "forked")
    assert "checkpoint" in breach.message


def test_two_stories_in_the_checkpoints_are_told() -> None:
    chain = verdicts(receipts(5))
    other = verdicts(receipts(5), charged=17)

    report = report_of([], [*checkpoints(chain, [3]), *checkpoints(other, [4])])

    assert report.fork is not None
    assert not report.is_sound


def test_a_host_that_says_that_it_has_more_receipts_shows_what_is_missing_here() -> None:
    report = report_of(KEPT[:3], head=Head(5, KEPT[4].receipt.hash))

    assert [(one.index, one.kind) for one in report.breaches] == [(3, "missing")]
