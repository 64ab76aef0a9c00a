"""Laws of the shelf: what is known is answered at once, what is new is found."""

import asyncio
import shutil
import threading
from pathlib import Path

import pytest

from app.core.base.errors import ModelFileInvalid, ModelNotFound
from app.core.base.ids import ModelName
from app.core.state.node_state import NodeState
from app.server.models.found import Place
from app.server.models.library import Library
from app.server.node.hub import Hub
from app.server.node.shelf import Shelf
from tests.gguf_made.store import GgufStore
from tests.server.node.homes import run


async def shelf_of(*places: Path) -> tuple[Shelf, Hub]:
    hub = Hub(NodeState())
    shelf = Shelf(Library(places), hub)
    await shelf.scan()
    return shelf, hub


def listed(hub: Hub) -> list[str]:
    return [model.name for model in hub.state.models.values() if model.is_listed]


def test_a_file_that_is_copied_in_is_found_when_it_is_named(
    tmp_path: Path, gguf_store: GgufStore
) -> None:
    async def test() -> None:
        shelf, hub = await shelf_of(tmp_path)
        assert listed(hub) == []
        shutil.copy(gguf_store.llama(), tmp_path / "late.gguf")

        await shelf.seek("LATE")
        assert shelf.find("LATE") == "late"
        assert listed(hub) == ["late"]
        source, card = await shelf.read(ModelName("late"))
        assert source.path == str(tmp_path / "late.gguf")
        assert shelf.cards() == {"late": card}
        assert card.name in shelf.aliases(ModelName("late"))

    run(test())


def test_a_name_that_was_just_unknown_costs_no_second_look_at_the_disk(
    tmp_path: Path, gguf_store: GgufStore
) -> None:
    async def test() -> None:
        shelf, _ = await shelf_of(tmp_path)
        await shelf.seek("late")
        shutil.copy(gguf_store.llama(), tmp_path / "late.gguf")
        await shelf.seek("late")
        with pytest.raises(ModelNotFound):
            shelf.find("late")

        await shelf.scan()

        assert shelf.find("late") == "late"

    run(test())


def test_a_look_that_has_not_ended_does_not_say_that_a_file_is_missing(
    tmp_path: Path, gguf_store: GgufStore
) -> None:
    """The list is made anew now and then, also while somebody waits for a look of its own."""
    begun: list[str] = []
    passed, second_ends, third_goes_on = (threading.Event() for _ in range(3))

    def others() -> tuple[Place, ...]:
        """Asked for before the folders are read."""
        begun.append("look")
        assert len(begun) != 3 or third_goes_on.wait(60)
        return ()

    class Demonstration:
        """Looked for after the folders were read."""

        trouble = ""

        def found(self) -> None:
            if len(begun) == 2:
                passed.set()
                assert second_ends.wait(60)

    async def test() -> None:
        demonstration = Demonstration()
        library = Library((tmp_path,), others=others, starter=demonstration)  # type: ignore[arg-type]
        shelf = Shelf(library, Hub(NodeState()))
        await shelf.scan()
        first = asyncio.create_task(shelf.seek("other"))
        await asyncio.to_thread(passed.wait, 60)
        shutil.copy(gguf_store.llama(), tmp_path / "late.gguf")
        second = asyncio.create_task(shelf.seek("late"))
        await asyncio.sleep(0)
        by_itself = asyncio.create_task(shelf.scan())
        await asyncio.sleep(0)

        second_ends.set()
        await first
        asyncio.get_running_loop().call_later(0.05, third_goes_on.set)
        await second

        assert shelf.find("late") == "late"
        await by_itself

    run(test())


def test_all_who_ask_during_a_look_at_the_disk_share_the_next_and_the_loop_does_not_wait(
    tmp_path: Path,
) -> None:
    looking_threads: list[int] = []
    disk_answers = threading.Event()

    def others() -> tuple[Place, ...]:
        """The places of other programs, on a disk that is slow after the first look."""
        looking_threads.append(threading.get_ident())
        if len(looking_threads) > 1:
            assert disk_answers.wait(60)
        return ()

    async def test() -> None:
        shelf = Shelf(Library((tmp_path,), others=others), Hub(NodeState()))
        await shelf.scan()
        async with asyncio.TaskGroup() as group:
            group.create_task(shelf.seek("unknown"))
            while len(looking_threads) < 2:
                await asyncio.sleep(0)
            for number in range(20):
                group.create_task(shelf.seek(f"unknown-{number}"))
            # Each runs until it waits, in the order they were made.
            await asyncio.sleep(0)
            disk_answers.set()

    run(test())

    # The first one's is the second look; the twenty share the third.
    assert len(looking_threads) == 3
    assert threading.get_ident() not in looking_threads


def test_a_file_that_is_no_model_leaves_the_list_and_says_why_when_it_is_named(
    tmp_path: Path,
) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF but nothing more")

    async def test() -> None:
        shelf, hub = await shelf_of(tmp_path)
        assert listed(hub) == ["broken"]
        with pytest.raises(ModelFileInvalid):
            await shelf.read(ModelName("broken"))

        await shelf.scan()

        assert listed(hub) == []
        with pytest.raises(ModelFileInvalid):
            shelf.find("broken")

    run(test())


def test_a_folder_that_cannot_be_read_is_a_notice_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "usb-stick"

    async def test() -> None:
        shelf, hub = await shelf_of(folder)
        (notice,) = hub.state.notices
        assert notice.key == "library" and str(folder) in notice.message

        folder.mkdir()
        await shelf.scan()

        assert hub.state.notices == ()

    run(test())
