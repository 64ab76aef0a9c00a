"""Laws of the icon, the tooltip and the notifications."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.tray.look.facts import Facts
from app.tray.look.look import look_of, mark_of
from app.tray.look.toasts import toasts_of
from app.wire.local import DownloadPicture, Mood, NodePicture
from tests.tray.pictures import ADDRESS, picture, with_engine, with_notice
from tests.tray.strategies import facts, pictures

HERE = Facts(link="here")


@pytest.mark.parametrize("mood", ["asleep", "ready", "busy", "contributing", "attention"])
def test_the_icon_is_the_nodes_mood(mood: Mood) -> None:
    assert mark_of(picture(mood=mood), HERE) == mood


@pytest.mark.parametrize("link", ["looking", "starting", "gone", "leaving"])
def test_without_a_server_the_icon_sleeps(link: str) -> None:
    assert look_of(picture(mood="busy"), Facts(link=link)).mark == "asleep"


def test_a_server_that_ended_by_itself_calls_for_attention_until_it_is_seen() -> None:
    assert look_of(None, Facts(link="gone", trouble="It ended.")).mark == "attention"
    assert look_of(None, Facts(link="gone")).mark == "asleep"


def test_the_tooltip_says_the_reason() -> None:
    node = with_notice(with_engine(picture(summary="small: ready"), "small"), "x", "It is full.")

    look = look_of(node, HERE)

    assert look.details == ("small: ready", "It is full.")


@given(pictures(), facts(), st.integers(12, 300))
def test_a_short_tooltip_is_never_longer_than_there_is_room(
    picture: NodePicture | None, facts: Facts, length: int
) -> None:
    assert 0 < len(look_of(picture, facts).short_tooltip(length)) <= length


@given(pictures(), facts())
def test_equal_facts_have_equal_looks(picture: NodePicture | None, facts: Facts) -> None:
    assert look_of(picture, facts) == look_of(picture, replace(facts))


def test_the_first_time_ever_that_it_is_ready_is_said_with_its_address() -> None:
    first = toasts_of(None, picture(), is_greeted=False)

    assert [toast.title for toast in first] == ["Athanor is ready"]
    assert ADDRESS in first[0].body
    assert toasts_of(None, picture(), is_greeted=True) == ()
    assert toasts_of(None, picture(status="starting"), is_greeted=False) == ()


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("gpu_lost", "The GPU was lost"),
        ("update_ready", "An update is ready"),
        ("pool_suspended", "Sharing has stopped"),
    ],
)
def test_what_is_worth_it_is_said_once_as_long_as_it_lasts(key: str, title: str) -> None:
    lost = with_notice(picture(), key, "It is so.")

    said = toasts_of(picture(), lost, is_greeted=True)

    assert [(toast.title, toast.body) for toast in said] == [(title, "It is so.")]
    assert toasts_of(lost, replace(lost, number=2), is_greeted=True) == ()
    assert toasts_of(picture(), lost, is_greeted=True) == said


def test_other_notices_interrupt_nobody() -> None:
    for key in ("failed:small", "rung:small", "devices", "demonstration", ""):
        assert toasts_of(picture(), with_notice(picture(), key, "m"), is_greeted=True) == ()


def test_a_download_is_announced_when_it_has_become_done() -> None:
    running = _download("running")
    before, after = picture(downloads=(running,)), picture(downloads=(_download("done"),))

    said = toasts_of(before, after, is_greeted=True)

    assert [toast.body for toast in said] == ["qwen-q4 is ready to use."]
    assert toasts_of(after, after, is_greeted=True) == ()
    assert toasts_of(None, after, is_greeted=True) == ()
    assert toasts_of(before, picture(downloads=(_download("failed"),)), is_greeted=True) == ()


def _download(status: str) -> DownloadPicture:
    return DownloadPicture(
        id="d",
        repository="r",
        name="qwen",
        files=("f",),
        status=status,
        size_bytes=1,
        done_bytes=1,
        asked_at=0.0,
        model="qwen-q4",
    )


@given(st.lists(pictures().filter(lambda each: each is not None), min_size=1, max_size=6))
def test_a_matter_that_stays_is_never_said_twice(course: list[NodePicture]) -> None:
    before = None
    for now in course:
        said = toasts_of(before, now, is_greeted=True)
        again = toasts_of(now, now, is_greeted=True)
        assert again == ()
        assert len(said) <= len(now.notices) + len(now.downloads)
        before = now
