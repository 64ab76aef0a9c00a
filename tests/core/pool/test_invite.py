"""An invite is one short text: whole and signed, or refused with what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.base.errors import RequestError
from app.core.base.units import SECOND, Microseconds
from app.core.pool.invite import (
    LINK,
    Invite,
    code_of,
    qr_text,
    read_invite,
    refuse_expired,
    write_invite,
)
from app.server.identity.keys import verify
from tests.core.pool.session_pair import pool_key

INVITE = Invite(
    pool=pool_key().pool,
    secret="0123456789abcdef" * 2,
    kind="device",
    uses=3,
    expires_at=Microseconds(1_790_000_000 * SECOND),
    address="wss://pool.example.org/pool",
    name="Anna",
)
TEXT = write_invite(INVITE, pool_key())

ALPHANUMERIC = set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
"""What a QR code packs in 5.5 bits each. Source: ISO/IEC 18004, table 5."""

names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=10)


@given(
    st.sampled_from(["account", "device", "friend"]),
    st.integers(1, 0xFFFF),
    st.integers(0, 2**40 - 1),
    names,
)
def test_what_was_written_is_read(kind, uses: int, seconds: int, name: str) -> None:
    expires_at = Microseconds(seconds * SECOND)
    invite = replace(INVITE, kind=kind, uses=uses, expires_at=expires_at, name=name)

    assert read_invite(write_invite(invite, pool_key()), verify) == invite


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        code_of(TEXT),
        qr_text(TEXT),
        code_of(TEXT).lower(),
        f"  {TEXT}/\n",
        "\n".join(TEXT[at : at + 40] for at in range(0, len(TEXT), 40)),
        "-".join(code_of(TEXT)[at : at + 5] for at in range(0, len(TEXT), 5)),
    ],
    ids=["link", "code", "qr", "small letters", "spaces", "lines", "groups"],
)
def test_however_it_was_copied_it_is_the_same_invite(text: str) -> None:
    assert read_invite(text, verify) == INVITE


def test_it_fits_a_small_qr_code_in_its_densest_characters() -> None:
    text = qr_text(TEXT)

    assert text.startswith(LINK.upper())
    assert set(text) <= ALPHANUMERIC
    assert len(text) <= 279  # version 8 at level L: 49 modules a side


def test_no_letter_of_it_can_be_changed_or_left_out() -> None:
    code = code_of(TEXT)
    for place in range(len(code)):
        other = "A" if code[place] != "A" else "B"
        for changed in (code[:place] + other + code[place + 1 :], code[:place] + code[place + 1 :]):
            with pytest.raises(RequestError) as raised:
                read_invite(changed, verify)
            assert raised.value.field == "invite"
            assert raised.value.remedy


def test_half_an_invite_is_refused_as_not_whole() -> None:
    with pytest.raises(RequestError, match=r"not whole|changed or cut"):
        read_invite(TEXT[: len(TEXT) // 2], verify)


@pytest.mark.parametrize("text", ["hello", "invite", "athanor://join/bert", "A" * 184])
def test_a_word_that_is_no_invite_is_not_called_one_of_another_version(text: str) -> None:
    with pytest.raises(RequestError, match=r"not whole|characters"):
        read_invite(text, verify)


@given(st.text(max_size=400))
def test_no_text_makes_the_reading_fail_otherwise(text: str) -> None:
    with pytest.raises(RequestError):
        read_invite(text, verify)


def test_an_invite_that_another_key_signed_for_this_pool_is_refused() -> None:
    stranger = pool_key(9)
    text = write_invite(replace(INVITE, pool=stranger.pool), stranger)
    swapped = code_of(text)[:-103] + code_of(TEXT)[-103:]  # the last 64 bytes: the signature

    with pytest.raises(RequestError):
        read_invite(swapped, verify)


def test_an_invite_of_a_later_version_asks_for_an_update() -> None:
    later = "AI" + code_of(TEXT)[2:]  # its first byte is 2

    with pytest.raises(RequestError, match="version 2") as raised:
        read_invite(later, verify)

    assert "Update" in raised.value.remedy


def test_an_invite_is_good_until_its_second_and_not_in_it() -> None:
    refuse_expired(INVITE, Microseconds(INVITE.expires_at - 1))

    with pytest.raises(RequestError, match="expired"):
        refuse_expired(INVITE, INVITE.expires_at)


def test_its_picture_in_a_log_opens_no_door() -> None:
    assert INVITE.secret not in repr(INVITE)
    assert INVITE.secret not in str(INVITE)
