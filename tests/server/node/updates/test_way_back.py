"""A package's way back: it is there before the next version, and told where it cannot be.

dpkg is the real one, of a root in a folder; so is the publisher's place.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.core.base.errors import UpdateFailed
from app.core.release.keys import Publisher
from app.core.release.manifest import Build
from app.core.release.trial import handing_over, started
from app.core.state.node_state import NodeState
from app.installation.debian import DebianPlace
from app.installation.kept import Kept
from app.installation.memory_file import MemoryFile
from app.installation.place import SourcePlace
from app.installation.windows import SetupPlace
from app.server.node.hub import Hub
from app.server.node.updates.service import Updates
from app.server.node.updates.way_back import WayBack
from app.settings.program import Program
from app.settings.schema import Settings
from app.settings.update_schema import UpdateSettings
from tests.support.debian_root import PROGRAM, DebianRoot, make_package
from tests.support.publisher_site import PublisherSite, publisher_site
from tests.support.release_keys import PublishersKey
from tests.support.updates import updates_for

NOW = int(time.time())
KEY = PublishersKey()
MADE = "athanor_0.1.0-1_all.deb"


def packs_by(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another dpkg-deb than the system's is found first."""
    program = folder / "bin/dpkg-deb"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def keep_fetched(kept: Kept, version: str, content: bytes) -> Path:
    """A package of that version, as after its fetch."""
    name = f"athanor_{version}-1_amd64.deb"
    sha256 = hashlib.sha256(content).hexdigest()
    size = len(content)
    build = Build(system="linux-x86_64", kind="deb", name=name, size_bytes=size, sha256=sha256)
    kept.expect(version, build)
    (kept.folder_of(version) / name).write_bytes(content)
    return kept.folder_of(version) / name


@pytest.fixture
def debian(tmp_path: Path) -> DebianRoot:
    """With Athanor 0.1.0 installed from a package that is not at hand any more."""
    debian = DebianRoot(tmp_path / "root")
    package = make_package(tmp_path, "0.1.0")
    debian.install(package)
    package.unlink()
    return debian


@pytest.fixture
def site(tmp_path: Path, debian: DebianRoot) -> Iterator[PublisherSite]:
    """Where 0.2.0 is announced."""
    with publisher_site(tmp_path / "site", KEY, now=NOW) as made:
        newer = make_package(tmp_path, "0.2.0")
        build = made.publish("0.2.0", newer).builds[0]
        deb = msgspec.structs.replace(build, kind="deb")
        made.publish("0.2.0", newer, number=2, builds=(deb,))
        yield made


class Node:
    """What a start of the version `running` has."""

    def __init__(self, folder: Path, debian: DebianRoot, site: PublisherSite, running="0.1.0"):
        self.hub = Hub(NodeState())
        self.kept = Kept(folder / "updates")
        self.memory = MemoryFile(folder / "updates.json")
        self.memory.change(lambda memory: started(memory, running))
        self.updates: Updates = updates_for(
            self.hub,
            folder,
            publisher=Publisher(key=(KEY.known,)),
            place=DebianPlace(debian.folder),
            settings=Settings(updates=UpdateSettings(address=site.address)),
            now=float(NOW),
            running=running,
        )

    @property
    def state(self):
        return self.hub.state.update


def test_before_the_first_update_of_a_package_the_one_that_runs_is_kept(
    tmp_path: Path, debian: DebianRoot, site: PublisherSite
) -> None:
    node = Node(tmp_path, debian, site)

    asyncio.run(node.updates.fetch())

    assert (node.state.status, node.state.remedy) == ("ready", "")
    assert {version: file.name for version, file in node.kept.files().items()} == {
        "0.1.0": MADE,
        "0.2.0": "athanor_0.2.0-1_all.deb",
    }
    inside = sorted(path.name for path in node.kept.folder_of("0.1.0").iterdir())
    assert inside == [".sha256", MADE]


def test_after_the_first_update_of_a_package_the_way_back_is_named_and_leads_there(
    tmp_path: Path, debian: DebianRoot, site: PublisherSite
) -> None:
    node = Node(tmp_path, debian, site)
    asyncio.run(node.updates.fetch())
    debian.install(node.kept.files()["0.2.0"])
    newer = Node(tmp_path, debian, site, running="0.2.0")

    asyncio.run(newer.updates.open())
    assert newer.state.back == "0.1.0"
    with pytest.raises(UpdateFailed, match=f"--allow-downgrades .*{MADE}` goes back to Athanor"):
        asyncio.run(newer.updates.go_back(is_urgent=False))
    debian.install(newer.kept.files()["0.1.0"])

    assert debian.version() == "0.1.0-1"


def test_a_package_that_was_left_is_not_offered_again(
    tmp_path: Path, debian: DebianRoot, site: PublisherSite
) -> None:
    node = Node(tmp_path, debian, site)
    asyncio.run(node.updates.fetch())
    newer = Node(tmp_path, debian, site, running="0.2.0")
    with pytest.raises(UpdateFailed, match="goes back"):
        asyncio.run(newer.updates.go_back(is_urgent=False))

    again = Node(tmp_path, debian, site)
    asyncio.run(again.updates.open())

    assert again.state.status == "blocked"
    assert "0.2.0 is passed over" in again.state.sentence


def test_a_package_that_was_fetched_is_not_made(
    tmp_path: Path, debian: DebianRoot, site: PublisherSite
) -> None:
    node = Node(tmp_path, debian, site)
    fetched = keep_fetched(node.kept, "0.1.0", b"as it came")

    asyncio.run(node.updates.fetch())

    assert node.kept.files()["0.1.0"] == fetched
    assert fetched.read_bytes() == b"as it came"


@pytest.mark.parametrize(
    ("is_written_down", "words"), [(True, "was changed since"), (False, "nobody wrote down")]
)
def test_a_file_that_is_not_what_was_kept_is_no_way_back_and_no_command_names_it(
    tmp_path: Path, debian: DebianRoot, site: PublisherSite, is_written_down: bool, words: str
) -> None:
    node = Node(tmp_path, debian, site)
    node.memory.change(lambda memory: handing_over(memory, version="0.1.0", previous="0.0.9"))
    file = keep_fetched(node.kept, "0.0.9", b"a package")
    asyncio.run(node.updates.open())
    assert node.state.back == "0.0.9"

    file.write_bytes(b"hello")
    if not is_written_down:
        file.with_name(".sha256").unlink()
    with pytest.raises(UpdateFailed, match=words) as refused:
        asyncio.run(node.updates.go_back(is_urgent=False))
    asyncio.run(node.updates.open())

    assert "sudo" not in refused.value.message
    assert node.memory.read().passed_over == "", "nothing was left"
    assert node.state.back == ""


def test_a_way_back_that_was_changed_is_made_anew_before_the_next_version(
    tmp_path: Path, debian: DebianRoot, site: PublisherSite
) -> None:
    node = Node(tmp_path, debian, site)
    asyncio.run(node.updates.fetch())
    made = node.kept.way_back("0.1.0")
    made.write_bytes(b"hello")

    asyncio.run(node.updates.fetch())

    assert node.kept.way_back("0.1.0") == made
    assert made.read_bytes().startswith(b"!<arch>"), "a package"


def test_a_way_back_that_cannot_be_made_is_told_and_the_new_version_is_there_all_the_same(
    tmp_path: Path, debian: DebianRoot, site: PublisherSite, caplog: pytest.LogCaptureFixture
) -> None:
    (debian.folder / PROGRAM).write_text("changed by its owner")
    node = Node(tmp_path, debian, site)

    asyncio.run(node.updates.fetch())

    assert node.state.status == "ready"
    assert f"no way back from it to Athanor 0.1.0: the installed /{PROGRAM}" in node.state.remedy
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "there will be no way back"
    ]
    with pytest.raises(UpdateFailed, match=r"installs it") as refused:
        asyncio.run(node.updates.install(is_urgent=False))
    assert "no way back" in refused.value.remedy
    assert set(node.kept.files()) == {"0.2.0"}


def test_a_way_back_that_was_hindered_is_made_when_the_new_version_is_asked_for_again(
    tmp_path: Path, debian: DebianRoot, site: PublisherSite
) -> None:
    program = debian.folder / PROGRAM
    content = program.read_bytes()
    program.unlink()
    node = Node(tmp_path, debian, site)
    asyncio.run(node.updates.fetch())
    assert node.state.remedy

    program.write_bytes(content)
    asyncio.run(node.updates.fetch())

    assert node.state.remedy == ""
    assert set(node.kept.files()) == {"0.1.0", "0.2.0"}


def test_a_full_disk_has_no_room_for_a_way_back(tmp_path: Path, debian: DebianRoot) -> None:
    kept = Kept(tmp_path / "updates")
    way_back = WayBack(DebianPlace(debian.folder), kept, running="0.1.0")

    asyncio.run(way_back.ensure(room_bytes=1 << 60))

    assert "of free disk" in asyncio.run(way_back.lack())
    assert not list(kept.folder_of("0.1.0").iterdir())


def test_a_server_that_ends_meanwhile_ends_the_packing_and_leaves_nothing(
    tmp_path: Path, debian: DebianRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    packs_by(f'echo $$ >"{begun}"; exec sleep 600', tmp_path, monkeypatch)
    kept = Kept(tmp_path / "updates")
    way_back = WayBack(DebianPlace(debian.folder), kept, running="0.1.0")

    async def cut() -> int:
        making = asyncio.create_task(way_back.ensure(room_bytes=0))
        async with asyncio.timeout(60):
            packer = int(await asyncio.to_thread(begun.read_text))
            making.cancel()
            await asyncio.wait([making])
        assert making.cancelled()
        return packer

    packer = asyncio.run(cut())

    with pytest.raises(ProcessLookupError):
        os.kill(packer, 0)
    assert not list(kept.folder_of("0.1.0").iterdir())


def test_what_dpkg_deb_says_of_its_failure_is_the_reason(
    tmp_path: Path, debian: DebianRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs_by("echo 'error: it is Sunday' >&2; exit 2", tmp_path, monkeypatch)
    way_back = WayBack(DebianPlace(debian.folder), Kept(tmp_path / "updates"), running="0.1.0")

    asyncio.run(way_back.ensure(room_bytes=0))

    assert "dpkg-deb failed: error: it is Sunday." in asyncio.run(way_back.lack())


def test_what_a_crash_left_of_a_way_back_is_deleted_at_the_next_start(
    tmp_path: Path, debian: DebianRoot, site: PublisherSite
) -> None:
    node = Node(tmp_path, debian, site)
    workshop = node.kept.workshop_of("0.1.0")
    (workshop / "tree/usr").mkdir(parents=True)

    asyncio.run(node.updates.open())

    assert not workshop.exists()


def test_the_copy_that_windows_installer_left_is_noted_at_the_first_start_and_compared_later(
    tmp_path: Path,
) -> None:
    kept = Kept(tmp_path / "updates")
    left = kept.folder_of("0.1.0") / "athanor-0.1.0-windows-setup.exe"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"the installer")
    place = SetupPlace(Program(file=tmp_path / "athanor.exe", is_bundle=True))

    asyncio.run(WayBack(place, kept, running="0.1.0").adopt())
    assert kept.way_back("0.1.0") == left
    left.write_bytes(b"something else")
    asyncio.run(WayBack(place, kept, running="0.1.0").adopt())

    with pytest.raises(UpdateFailed, match="was changed"):
        kept.way_back("0.1.0")


def test_where_nothing_is_a_package_nothing_is_made_or_missed(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "updates")
    way_back = WayBack(SourcePlace(), kept, running="0.1.0")

    asyncio.run(way_back.ensure(room_bytes=0))

    assert asyncio.run(way_back.lack()) == ""
    assert not kept.folder.exists()
