"""Laws of the menu: what it offers in which state, and what it says where it offers nothing."""

import pytest
from hypothesis import given
from msgspec.structs import replace

from app.tray.look.actions import (
    CopyAddress,
    FreeMemory,
    LoadModel,
    OpenDashboard,
    OpenFile,
    Quit,
    RestartToUpdate,
    Resume,
    SetAutostart,
    StartServer,
    UnloadModel,
)
from app.tray.look.entries import Item, Menu, action_of, items_of
from app.tray.look.facts import Facts, Shelved
from app.tray.look.menu import MODELS_MAX, menu_of
from app.wire.local import DownloadPicture, NodePicture
from app.wire.sharing import NeighbourPicture
from app.wire.update import UpdatePicture
from tests.tray.pictures import ADDRESS, GPU, picture, with_engine
from tests.tray.strategies import facts, pictures

HERE = Facts(link="here", is_own=True, models=(Shelved(name="one"), Shelved(name="Two")))
DOWNLOAD = DownloadPicture(
    id="d", repository="r", name="qwen", files=("f",), status="running", size_bytes=200,
    done_bytes=93, asked_at=0.0,
)  # fmt: skip


def texts(menu: Menu) -> list[str]:
    return [item.text for item in menu if isinstance(item, Item)]


def item(menu: Menu, key: str) -> Item:
    return next(each for each in items_of(menu) if each.key == key)


def test_a_node_that_serves_has_the_whole_menu_in_its_order() -> None:
    assert texts(menu_of(picture(), HERE)) == [
        "Idle · no model is loaded",
        "Open dashboard",
        f"Copy API address  {ADDRESS}",
        "Model",
        "Free memory now — no model is in memory",
        "Contribute GPU — no pool is joined",
        "Start with computer",
        "Settings…",
        "View logs",
        "Quit",
    ]


def test_without_a_server_it_offers_to_start_one_and_the_files() -> None:
    menu = menu_of(None, Facts(link="gone"))

    assert texts(menu) == [
        "Athanor is not running",
        "Start Athanor",
        "Start with computer",
        "Settings file…",
        "View logs",
        "Quit",
    ]
    assert action_of(menu, "start") == StartServer()
    assert action_of(menu, "settings") == OpenFile(which="settings")


@pytest.mark.parametrize("link", ["looking", "starting"])
def test_until_the_server_answers_the_dashboard_says_why_it_cannot_open(link: str) -> None:
    menu = menu_of(None, Facts(link=link))

    assert texts(menu)[:2] == ["Athanor is starting", "Open dashboard — it is still starting"]
    assert action_of(menu, "open") is None


def test_each_item_asks_for_what_it_says() -> None:
    menu = menu_of(with_engine(picture(), "one"), HERE)

    assert action_of(menu, "open") == OpenDashboard()
    assert action_of(menu, "copy") == CopyAddress(address=ADDRESS)
    assert action_of(menu, "free") == FreeMemory()
    assert action_of(menu, "more-models") == OpenDashboard(page="models")
    assert action_of(menu, "autostart") == SetAutostart(enabled=True)
    assert action_of(menu, "settings") == OpenDashboard(page="settings")
    assert action_of(menu, "logs") == OpenFile(which="log")
    assert action_of(menu, "quit") == Quit()


def test_a_model_is_loaded_or_unloaded_by_a_click_as_it_stands() -> None:
    menu = menu_of(with_engine(picture(), "one"), HERE)

    assert item(menu, "model:one").checked is True
    assert action_of(menu, "model:one") == UnloadModel(model="one")
    assert item(menu, "model:Two").checked is False
    assert action_of(menu, "model:Two") == LoadModel(model="Two")


def test_a_model_on_its_way_can_be_stopped_and_a_failed_one_tried_again() -> None:
    loading = menu_of(with_engine(picture(), "one", "loading"), HERE)
    unloading = menu_of(with_engine(picture(), "one", "unloading"), HERE)
    failed = menu_of(with_engine(picture(), "one", "failed"), HERE)

    assert action_of(loading, "model:one") == UnloadModel(model="one")
    assert item(loading, "model:one").text == "one: loading, click to stop"
    assert item(unloading, "model:one").text == "one — unloading after its last answer"
    assert action_of(failed, "model:one") == LoadModel(model="one")


def test_models_in_memory_come_first_and_the_submenu_has_an_end() -> None:
    many = tuple(Shelved(name=f"m{number}") for number in reversed(range(40)))
    menu = menu_of(with_engine(picture(), "zebra"), replace(HERE, models=many))

    models = [each for each in items_of(menu) if each.key.startswith("model:")]

    assert [each.label for each in models[:3]] == ["zebra", "m0", "m1"]
    assert models[-1].label == f"m{MODELS_MAX - 2}"
    assert len(models) == MODELS_MAX
    assert item(menu, "more-models").label == "Load other…"


def test_the_demonstration_is_called_one() -> None:
    shelf = (Shelved(name="athanor-starter", is_demonstration=True),)
    menu = menu_of(picture(), replace(HERE, models=shelf))

    assert item(menu, "model:athanor-starter").label == "athanor-starter (demonstration)"


def test_without_any_model_the_submenu_says_so_and_leads_to_one() -> None:
    menu = menu_of(picture(), Facts(link="here"))

    assert item(menu, "no-model").label == "No model yet"
    assert item(menu, "more-models").label == "Get a model…"


def test_memory_is_called_the_gpus_where_there_is_one() -> None:
    loaded = with_engine(picture(devices=(GPU,)), "one")

    assert item(menu_of(loaded, HERE), "free").text == "Free GPU memory now"
    assert item(menu_of(loaded, replace(HERE, is_freeing=True)), "free").reason == "being freed"


def test_freed_memory_can_be_used_again_by_a_click() -> None:
    held = NeighbourPicture(
        summary="asleep: GPU memory was freed, resumes in 5 minutes", memory="free", held_until=9.0
    )
    menu = menu_of(picture(devices=(GPU,), neighbour=held), HERE)

    assert action_of(menu, "resume") == Resume()
    assert item(menu, "resume").text == "Use GPU memory again"
    without_gpu = menu_of(picture(neighbour=held), HERE)
    assert item(without_gpu, "resume").text == "Use memory again"
    words = "Asleep: GPU memory was freed, resumes in 5 minutes"
    assert item(menu, "neighbour").label == words
    same = menu_of(picture(devices=(GPU,), neighbour=held, headline=words), HERE)
    assert [each.label for each in items_of(same)].count(words) == 1


def test_a_download_shows_how_far_it_is_and_leads_to_its_page() -> None:
    menu = menu_of(picture(downloads=(DOWNLOAD,)), HERE)

    assert item(menu, "download").label == "Downloading qwen · 45%"
    assert action_of(menu, "download") == OpenDashboard(page="models")


def test_a_download_that_waits_or_is_done_is_no_news() -> None:
    for status in ("queued", "paused", "done", "failed"):
        menu = menu_of(picture(downloads=(replace(DOWNLOAD, status=status),)), HERE)

        assert "download" not in {each.key for each in items_of(menu)}


def test_trouble_stands_below_the_status_until_it_is_read() -> None:
    menu = menu_of(picture(), replace(HERE, trouble="one needs 9 GB, 3 GB are free"))

    assert texts(menu)[1] == "⚠ one needs 9 GB, 3 GB are free"


def test_quitting_says_when_the_server_goes_on() -> None:
    menu = menu_of(picture(), replace(HERE, is_own=False))

    assert item(menu, "quit").label == "Quit (the server keeps running)"


def test_while_it_ends_nothing_can_be_asked() -> None:
    assert texts(menu_of(picture(), replace(HERE, link="leaving"))) == ["Stopping…"]


@given(pictures(), facts())
def test_every_menu_is_short_and_what_cannot_be_clicked_says_why(
    picture: NodePicture | None, facts: Facts
) -> None:
    menu = menu_of(picture, facts)

    assert sum(isinstance(entry, Item) for entry in menu) <= 12
    for each in items_of(menu):
        assert each.text.strip()
        assert each.is_enabled or each.reason or each.action is None


@given(pictures(), facts())
def test_no_two_items_of_a_menu_have_the_same_key(
    picture: NodePicture | None, facts: Facts
) -> None:
    menu = menu_of(picture, facts)
    keys = [entry.key for entry in menu] + [
        child.key for entry in menu if isinstance(entry, Item) for child in entry.children
    ]

    assert len(keys) == len(set(keys))


@given(pictures(), facts())
def test_every_menu_but_the_last_can_be_left(picture: NodePicture | None, facts: Facts) -> None:
    menu = menu_of(picture, facts)

    assert facts.link == "leaving" or action_of(menu, "quit") == Quit()


def _ready(**changes: object) -> UpdatePicture:
    base = UpdatePicture(running="1", status="ready", words="It is ready.", version="0.2.0")
    return replace(base, **changes)


def test_a_new_version_that_is_ready_is_a_restart_away() -> None:
    found = item(menu_of(picture(update=_ready()), HERE), "update")

    assert (found.text, found.action) == ("Restart to update to 0.2.0", RestartToUpdate())


def test_no_restart_is_offered_while_an_answer_is_under_way() -> None:
    answering = with_engine(picture(update=_ready()), "one")
    answering = replace(answering, engines=(replace(answering.engines[0], running=1),))

    assert not item(menu_of(answering, HERE), "update").is_enabled


def test_a_package_that_the_owner_installs_leads_to_its_command() -> None:
    update = _ready(command="sudo apt install /x/y.deb")

    action = item(menu_of(picture(update=update), HERE), "update").action

    assert action == OpenDashboard(page="settings")


@pytest.mark.parametrize("status", ["off", "unasked", "newest", "offered", "fetching", "failed"])
def test_the_menu_is_silent_of_versions_that_are_not_here(status) -> None:
    menu = menu_of(picture(update=_ready(status=status)), HERE)

    assert "update" not in [each.key for each in items_of(menu)]
