"""Laws of the submenu by which the GPU is lent."""

from app.core.sharing.rules import Mode
from app.tray.look.actions import OpenDashboard, Resume, SetSharing, Snooze
from app.tray.look.contribute import contribute, pool_details, pool_news
from app.tray.look.entries import Item, action_of
from app.wire.local import NodePicture
from app.wire.pool_picture import PoolPicture
from app.wire.sharing import NeighbourPicture
from tests.tray.pictures import picture

POOL = PoolPicture(
    is_member=True,
    name="Club",
    link="connected",
    work_summary="paused: the computer is in use, resumes in 3 minutes",
    today_summary="Today: 2.5 credits earned · 0.8 kWh",
)


def member(mode: Mode = "idle", **neighbour: object) -> NodePicture:
    """A node in a pool."""
    shown = NeighbourPicture(summary="models stay", mode=mode, **neighbour)  # type: ignore[arg-type]
    return picture(pool=POOL, neighbour=shown)


def labels(head: Item) -> list[str]:
    return [child.text for child in head.children if isinstance(child, Item)]


def test_without_a_pool_the_item_says_why_it_cannot_be_clicked() -> None:
    head = contribute(picture())

    assert not head.is_enabled
    assert "no pool is joined" in head.text


def test_the_day_and_the_reason_for_idleness_stand_beside_the_switch() -> None:
    assert labels(contribute(member()))[:2] == [
        "Today: 2.5 credits earned · 0.8 kWh",
        "Paused: the computer is in use, resumes in 3 minutes",
    ]


def test_the_mode_in_force_is_ticked_and_one_click_sets_another() -> None:
    head = contribute(member("idle"))
    ticked = [c.label for c in head.children if isinstance(c, Item) and c.checked]

    assert ticked == ["When idle"]
    assert action_of(head.children, "share:always") == SetSharing(mode="always")
    assert action_of(head.children, "share:off") == SetSharing(mode="off")


def test_pauses_are_one_click_and_can_be_ended() -> None:
    menu = contribute(member("always")).children

    assert action_of(menu, "snooze") == Snooze(until="hour")
    assert action_of(menu, "snooze-long") == Snooze(until="tomorrow")
    assert action_of(menu, "finish") == Snooze(until="tomorrow", finish=True)
    snoozed = contribute(member("always", snoozed_until=9.0)).children
    assert action_of(snoozed, "unsnooze") == Resume()
    assert action_of(snoozed, "snooze") is None


def test_who_lends_nothing_has_nothing_to_pause() -> None:
    menu = contribute(member("off")).children

    assert action_of(menu, "snooze") is None
    assert "Snooze 1 hour — nothing is lent" in labels(contribute(member("off")))


def test_the_page_of_sharing_is_a_click_away() -> None:
    assert action_of(contribute(member()).children, "sharing") == OpenDashboard(page="sharing")


def test_a_pause_against_the_owners_wish_is_told_in_the_menu_and_the_tooltip() -> None:
    paused = member("idle", lending="stop")

    assert [item.label for item in pool_news(paused)] == [
        "Contributing: paused: the computer is in use, resumes in 3 minutes"
    ]
    assert pool_details(paused)[0].startswith("Paused")
    assert not list(pool_news(member("off", lending="stop")))
    assert not list(pool_news(member("always", lending="lend")))
