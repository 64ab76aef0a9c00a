"""Laws of the librarian: what the owner wishes is done in order, and told to whoever watches."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.base.errors import ModelNotFound, NotOurs, RequestError, SettingsInvalid
from app.core.base.ids import ModelName
from app.core.state.node_state import NodeState
from app.server.models.library import Library
from app.server.models.places import owners_places
from app.server.node.hub import Hub
from app.server.node.librarian import Librarian
from app.server.node.shelf import Shelf
from app.settings.load import load_settings
from app.settings.paths import Paths
from tests.server.models.shelf import put
from tests.server.node.homes import run

WAIT_SECONDS = 60


class House:
    """A librarian over an Athanor home, with a record of the engines that were ended."""

    def __init__(self, home: Path, *, environment: dict[str, str] | None = None) -> None:
        self.paths = Paths.under(home)
        self.paths.ensure()
        self.hub = Hub(NodeState())
        folders = load_settings(self.paths.config_file, {}, {}).settings.models.folders
        self.library = Library(
            owners_places(folders, self.paths), digests_file=self.paths.digests_file
        )
        self.shelf = Shelf(self.library, self.hub)
        self.ended: list[tuple[ModelName, bool]] = []
        """Names, and whether the model could still be found then."""
        self.librarian = Librarian(
            self.shelf,
            paths=self.paths,
            folders=folders,
            end=self._end,
            environment=environment or {},
        )

    async def _end(self, name: ModelName) -> bool:
        try:
            self.shelf.find(name)
        except ModelNotFound:
            self.ended.append((name, False))
        else:
            self.ended.append((name, True))
        return True

    @property
    def listed(self) -> list[str]:
        return [model.name for model in self.hub.state.models.values() if model.is_listed]

    @property
    def in_file(self) -> tuple[str, ...]:
        return load_settings(self.paths.config_file, {}, {}).settings.models.folders


def test_a_model_is_unloaded_and_cannot_be_asked_for_before_its_file_goes(tmp_path: Path) -> None:
    house = House(tmp_path)
    path = put(house.paths.models / "org" / "m-GGUF" / "m-Q4_0.gguf")
    size = path.stat().st_size

    async def test() -> None:
        await house.librarian.look()
        assert house.listed == ["m:q4_0"]

        removed = await house.librarian.remove("org/m-GGUF:Q4_0")

        assert house.ended == [(ModelName("m:q4_0"), False)]
        assert (removed.paths, removed.freed_bytes, removed.was_loaded) == ((path,), size, True)
        assert house.listed == []

    run(test())
    assert list(house.paths.models.iterdir()) == []


def test_what_is_not_ours_stays_listed_and_loaded(tmp_path: Path) -> None:
    other = put(tmp_path / "folder" / "m.gguf")
    (tmp_path / "config.toml").write_text(f"[models]\nfolders = ['{other.parent}']\n")
    house = House(tmp_path)

    async def test() -> None:
        await house.librarian.look()
        with pytest.raises(NotOurs, match="in a folder of yours"):
            await house.librarian.remove("m")

    run(test())
    assert (house.listed, house.ended) == (["m"], [])
    assert other.exists()


def test_a_copy_elsewhere_is_offered_when_ours_is_deleted(tmp_path: Path) -> None:
    other = put(tmp_path / "folder" / "m.gguf")
    (tmp_path / "config.toml").write_text(f"[models]\nfolders = ['{other.parent}']\n")
    house = House(tmp_path)
    mine = put(house.paths.models / "m.gguf")

    async def test() -> None:
        await house.librarian.look()
        removed = await house.librarian.remove("m")

        assert [(copy.path, copy.app) for copy in removed.left] == [(str(other), "folder")]

    run(test())
    assert house.listed == ["m"]
    assert house.library.find("m").path == str(other) and not mine.exists()


def test_a_folder_that_is_added_holds_from_now_on_and_after_the_next_start(tmp_path: Path) -> None:
    path = put(tmp_path / "elsewhere" / "m.gguf")
    house = House(tmp_path / "home")

    async def test() -> None:
        await house.librarian.add_folder(str(path.parent))
        assert house.listed == ["m"]
        assert house.librarian.removable() == frozenset({str(path.parent)})

        await house.librarian.remove_folder(str(path.parent))
        assert house.listed == []

    run(test())
    assert house.in_file == () and path.exists()


def test_folders_of_the_file_are_kept_when_another_is_added_or_taken_out(tmp_path: Path) -> None:
    for name in ("one", "two"):
        put(tmp_path / name / f"{name}.gguf", name=name)
    (tmp_path / "config.toml").write_text(f"[models]\nfolders = ['{tmp_path / 'one'}'] # mine\n")
    house = House(tmp_path)

    async def test() -> None:
        await house.librarian.add_folder(str(tmp_path / "two"))
        assert house.in_file == (str(tmp_path / "one"), str(tmp_path / "two"))
        assert house.listed == ["one", "two"]

        await house.librarian.remove_folder(str(tmp_path / "one"))

    run(test())
    assert house.listed == ["two"]
    assert "# mine" in (tmp_path / "config.toml").read_text()


REFUSED: list[tuple[Callable[[Path], str], str]] = [
    (lambda home: str(home / "nowhere"), "there is no folder"),
    (lambda home: "relative/folder", "no absolute path"),
    (lambda home: "~nobody of this name/folder", "no absolute path"),
    (lambda home: str(home / "models"), "own models folder"),
    (lambda home: str(home / "known"), "offered already"),
    (lambda home: str(home / "models" / ".." / "known"), "offered already"),
    (lambda home: str(home / "config.toml"), "there is no folder or GGUF file"),
    (lambda home: "\0", "no absolute path"),
    (lambda home: f"{home}/\0", "there is no folder"),
]


@pytest.mark.parametrize(("path", "words"), REFUSED)
def test_a_folder_that_cannot_be_offered_is_refused_with_the_reason(
    path: Callable[[Path], str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "known").mkdir()
    (tmp_path / "config.toml").write_text(f"[models]\nfolders = ['{tmp_path / 'known'}']\n")
    house = House(tmp_path)

    with pytest.raises(RequestError, match=words):
        run(house.librarian.add_folder(path(tmp_path)))

    assert house.in_file == (str(tmp_path / "known"),)


def test_a_folder_that_is_none_of_the_settings_cannot_be_taken_out(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="none of the folders"):
        run(House(tmp_path).librarian.remove_folder(str(tmp_path / "models")))


def test_where_the_environment_rules_the_folders_a_change_is_refused(tmp_path: Path) -> None:
    house = House(tmp_path, environment={"ATHANOR_MODELS_FOLDERS": "/x"})

    with pytest.raises(SettingsInvalid, match="ATHANOR_MODELS_FOLDERS"):
        run(house.librarian.add_folder(str(tmp_path)))


def test_watchers_learn_of_files_that_come_change_and_go_without_asking(tmp_path: Path) -> None:
    house = House(tmp_path)
    path = house.paths.models / "m.gguf"

    async def until(is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            async for _ in house.hub.watch():
                if is_so():
                    return

    async def test() -> None:
        await house.shelf.scan()
        keeping = asyncio.get_running_loop().create_task(house.shelf.keep_read())
        put(path)
        await until(lambda: house.listed == ["m"])
        await until(lambda: [e.proof for e in house.library.entries()] == ["computed"])
        first = house.hub.state.library.revision
        size = house.hub.state.models[ModelName("m")].size_bytes

        put(path, extra=3)
        await until(lambda: house.hub.state.models[ModelName("m")].size_bytes > size)
        path.unlink()
        await until(lambda: house.listed == [])

        assert house.hub.state.library.revision > first
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(test())
