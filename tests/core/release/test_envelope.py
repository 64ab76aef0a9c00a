"""What the publisher signed is believed as it was signed, in its time, and nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.release.envelope import (
    EARLY_SECONDS_MAX,
    ENVELOPE_BYTES_MAX,
    SENTENCES,
    Form,
    Refusal,
    Statement,
    open_signed,
)
from tests.support.release_keys import PublishersKey, verify_release

NOW = 1_800_000_000
STATEMENT = Statement(number=7, issued_at=NOW - 100, expires_at=NOW + 100)
FORM = Form("test 1", Statement)
FIRST, SECOND = PublishersKey("first"), PublishersKey("second")
KNOWN = (FIRST.known, SECOND.known)
SEALED = FORM.seal(STATEMENT, [FIRST.signer])


def opened(raw: bytes, *, keys=KNOWN, now: int | None = NOW, number_min: int = 0, form=FORM):
    return open_signed(raw, form, keys=keys, verify=verify_release, now=now, number_min=number_min)


@pytest.mark.parametrize("signers", [[FIRST], [SECOND], [FIRST, SECOND]])
def test_one_good_signature_by_either_key_is_enough(signers: list[PublishersKey]) -> None:
    assert opened(FORM.seal(STATEMENT, [key.signer for key in signers])) == STATEMENT


def test_a_signature_by_a_later_key_beside_a_known_one_is_passed_over() -> None:
    later = PublishersKey("later")

    assert opened(FORM.seal(STATEMENT, [later.signer, FIRST.signer])) == STATEMENT


def test_who_is_not_known_is_not_believed() -> None:
    assert opened(FORM.seal(STATEMENT, [PublishersKey("other").signer])) is Refusal.UNKNOWN_KEY
    assert opened(FORM.seal(STATEMENT, [])) is Refusal.UNKNOWN_KEY


def test_a_stranger_who_takes_the_name_of_a_known_key_is_not_believed() -> None:
    assert opened(FORM.seal(STATEMENT, [PublishersKey("first").signer])) is Refusal.BAD_SIGNATURE


def test_a_program_without_keys_believes_nobody() -> None:
    assert opened(SEALED, keys=()) is Refusal.NO_KEYS


def test_a_statement_of_one_kind_does_not_pass_for_one_of_another() -> None:
    assert opened(SEALED, form=Form("test 2", Statement)) is Refusal.BAD_SIGNATURE


@given(at=st.integers(0, len(json.loads(SEALED)["signed"]) - 1), by=st.integers(1, 90))
def test_no_character_of_the_text_can_be_changed(at: int, by: int) -> None:
    envelope = json.loads(SEALED)
    text = envelope["signed"]
    envelope["signed"] = text[:at] + chr(ord(text[at]) + by) + text[at + 1 :]

    assert opened(json.dumps(envelope).encode()) is Refusal.BAD_SIGNATURE


def test_how_the_envelope_itself_is_written_does_not_matter() -> None:
    assert opened(json.dumps(json.loads(SEALED)).encode()) == STATEMENT


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (STATEMENT.expires_at - 1, STATEMENT),
        (STATEMENT.expires_at, Refusal.EXPIRED),
        (STATEMENT.issued_at - EARLY_SECONDS_MAX, STATEMENT),
        (STATEMENT.issued_at - EARLY_SECONDS_MAX - 1, Refusal.EARLY),
        (None, STATEMENT),
    ],
)
def test_a_statement_has_its_time(now: int | None, expected: Statement | Refusal) -> None:
    assert opened(SEALED, now=now) == expected


@pytest.mark.parametrize(("seen", "expected"), [(7, STATEMENT), (8, Refusal.REPLAYED)])
def test_an_older_statement_than_one_that_was_seen_is_refused(seen, expected) -> None:
    assert opened(SEALED, number_min=seen) == expected


@given(raw=st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_without_an_error(raw: bytes) -> None:
    assert opened(raw) in {Refusal.UNREADABLE, Refusal.UNKNOWN_KEY}


@given(cut=st.integers(0, len(SEALED) - 2))
def test_a_file_that_was_cut_off_is_unreadable(cut: int) -> None:
    assert opened(SEALED[:cut]) is Refusal.UNREADABLE


def test_a_file_past_the_limit_is_not_even_read() -> None:
    assert opened(SEALED + b" " * ENVELOPE_BYTES_MAX) is Refusal.UNREADABLE


def test_what_a_known_key_signed_in_a_later_form_is_unreadable_and_not_half_read() -> None:
    wider = Form("test 1", Statement)
    text = '{"number": "seven"}'
    name, sign = FIRST.signer
    raw = json.dumps(
        {
            "signed": text,
            "signatures": [{"key": name, "signature": sign(wider.message(text)).hex()}],
        }
    ).encode()

    assert opened(raw) is Refusal.UNREADABLE


def test_every_refusal_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Refusal)
