"""A running node and its next version: what it believes, fetches and refuses.

The publisher's place is a real web server of this machine, the download child a real one.
"""

import asyncio
from pathlib import Path

import msgspec
import pytest

from app.core.base.errors import AthanorError, Busy, RemoteNotFound, UpdateFailed
from app.core.release.keys import Publisher
from app.core.release.trial import handing_over, looked
from app.installation.debian import DebianPlace
from app.server.node.updates.service import NO_ADDRESS, NO_KEYS, REMEDIES
from tests.server.node.updates.node import NOW, Node
from tests.support.bundles import pack_bundle, put_bundle
from tests.support.publisher_site import PublisherSite
from tests.support.release_keys import PublishersKey


def test_a_newer_version_is_offered_fetched_checked_and_staged(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    site.publish("0.2.0", archive)
    node = Node(tmp_path, site)

    asyncio.run(node.updates.look())
    assert (node.state.status, node.state.version) == ("offered", "0.2.0")
    asyncio.run(node.updates.fetch())
    assert node.state.can_restart
    asyncio.run(node.updates.install(is_urgent=False))

    assert node.updates.successor is not None
    assert node.updates.successor.version == "0.2.0"
    assert node.state.status == "restarting"
    trial = node.memory.read().trial
    assert trial is not None and (trial.version, trial.previous) == ("0.2.0", "0.1.0")
    assert (tmp_path / "apps" / "athanor-0.2.0" / "athanor").is_file()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("tampered", "changed after it was signed"),
        ("stranger", "nobody that this copy"),
        ("expired", "too old"),
        ("replayed", "older than one"),
    ],
)
def test_a_statement_that_is_not_right_is_not_believed_and_nothing_is_fetched(
    tmp_path: Path, site: PublisherSite, archive: Path, fault: str, words: str
) -> None:
    latest, node = site.folder / "latest.json", Node(tmp_path, site)
    match fault:
        case "tampered":
            site.publish("0.2.0", archive)
            latest.write_bytes(latest.read_bytes().replace(b"0.2.0", b"0.3.0"))
        case "stranger":
            site.publish("0.2.0", archive, signed_by=PublishersKey("evil"))
        case "expired":
            site.publish("0.2.0", archive, expires_at=NOW - 1)
        case _:
            node.memory.change(lambda memory: looked(memory, 0.0, number=8))
            site.publish("0.2.0", archive, number=7)

    with pytest.raises(UpdateFailed, match=words):
        asyncio.run(node.updates.look())

    assert node.state.status == "failed"
    assert words in node.state.sentence
    assert [path for path, _ in site.asked] == ["/latest.json"]
    assert node.memory.read().failures == 1


def test_a_file_of_another_content_than_was_signed_is_deleted(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    site.publish("0.2.0", archive)
    served = site.folder / archive.name
    served.write_bytes(served.read_bytes()[:-1] + b"\x00")
    node = Node(tmp_path, site)

    with pytest.raises(AthanorError):
        asyncio.run(node.updates.install(is_urgent=False))

    assert node.state.status == "failed"
    assert node.updates.successor is None
    assert not list((tmp_path / "updates").rglob(archive.name))


def test_a_file_that_was_changed_on_the_disk_after_its_fetch_is_not_installed(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    release = site.publish("0.2.0", archive)
    node = Node(tmp_path, site)
    node.has_fetched(release)
    kept = next((tmp_path / "updates").rglob(archive.name))
    kept.write_bytes(kept.read_bytes()[:-1] + b"\x00")
    (site.folder / archive.name).unlink()

    with pytest.raises(RemoteNotFound):
        asyncio.run(node.updates.install(is_urgent=False))

    assert node.updates.successor is None


def test_a_broken_download_goes_on_where_it_was_cut(tmp_path: Path, site: PublisherSite) -> None:
    large = tmp_path / "athanor-0.2.0-linux-x86_64.tar.xz"
    large.write_bytes(bytes(range(256)) * 40_000)
    site.publish("0.2.0", large)
    site.breaks_after = 6_000_000
    node = Node(tmp_path, site)

    asyncio.run(node.updates.fetch())

    ranges = [asked for path, asked in site.asked if path != "/latest.json"]
    assert len(ranges) == 2
    assert ranges[0] == "" and int(ranges[1].strip("bytes=-")) > 5_000_000
    assert node.state.status == "ready"


def test_nothing_is_installed_while_an_answer_is_under_way_unless_it_is_urgent(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    release = site.publish("0.2.0", archive)
    node = Node(tmp_path, site)
    node.has_fetched(release)
    node.answer_something()

    with pytest.raises(Busy, match="1 answer is under way"):
        asyncio.run(node.updates.install(is_urgent=False))
    assert node.updates.successor is None
    asyncio.run(node.updates.install(is_urgent=True))

    assert node.updates.successor is not None


@pytest.mark.parametrize("fault", ["no_start", "wrong_version"])
def test_a_version_that_does_not_start_here_never_ends_the_server(
    tmp_path: Path, site: PublisherSite, fault
) -> None:
    release = site.publish("0.2.0", pack_bundle(tmp_path, "0.2.0", fault=fault))
    node = Node(tmp_path, site)
    node.has_fetched(release)

    with pytest.raises(UpdateFailed):
        asyncio.run(node.updates.install(is_urgent=False))

    assert node.updates.successor is None
    assert node.memory.read().trial is None


def test_a_package_is_fetched_and_its_command_is_told(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    release = site.publish("0.2.0", archive)
    deb = msgspec.structs.replace(release.builds[0], kind="deb")
    release = site.publish("0.2.0", archive, number=2, builds=(deb,))
    node = Node(tmp_path, site, place=DebianPlace())

    node.has_fetched(release)

    assert node.state.status == "ready" and not node.state.can_restart
    assert node.state.command.startswith("sudo apt install ")
    with pytest.raises(UpdateFailed, match="sudo apt install"):
        asyncio.run(node.updates.install(is_urgent=False))


def test_a_version_that_was_left_is_passed_over(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    release = site.publish("0.2.0", archive)
    node = Node(tmp_path, site)
    node.memory.change(lambda memory: msgspec.structs.replace(memory, passed_over="0.2.0"))

    node.has_fetched(release)

    assert node.state.status == "blocked"
    assert "passed over" in node.state.sentence
    asyncio.run(node.updates.install(is_urgent=False))
    assert node.updates.successor is not None, "its owner's wish is more"


@pytest.mark.parametrize(
    ("more", "remedy"),
    [({"publisher": Publisher()}, REMEDIES[NO_KEYS]), ({"address": ""}, REMEDIES[NO_ADDRESS])],
)
def test_who_asks_where_nobody_can_be_asked_is_told_what_helps_there(
    tmp_path: Path, site: PublisherSite, more, remedy: str
) -> None:
    node = Node(tmp_path, site, **more)

    with pytest.raises(UpdateFailed) as refused:
        asyncio.run(node.updates.look())

    assert refused.value.remedy == remedy
    assert site.asked == []


def test_the_version_before_can_be_gone_back_to_while_it_is_kept(
    tmp_path: Path, site: PublisherSite
) -> None:
    node = Node(tmp_path, site)
    node.memory.change(lambda memory: handing_over(memory, version="0.1.0", previous="0.0.9"))
    with pytest.raises(UpdateFailed, match=r"0\.0\.9 is not kept here"):
        asyncio.run(node.updates.go_back(is_urgent=False))

    put_bundle(tmp_path / "apps" / "athanor-0.0.9", "0.0.9")
    asyncio.run(node.updates.open())
    assert node.state.back == "0.0.9"
    asyncio.run(node.updates.go_back(is_urgent=False))

    assert node.updates.successor is not None
    assert node.updates.successor.version == "0.0.9"
    assert node.memory.read().passed_over == "0.1.0"


def test_who_never_updated_has_no_version_to_go_back_to(
    tmp_path: Path, site: PublisherSite
) -> None:
    node = Node(tmp_path, site)

    with pytest.raises(UpdateFailed, match="no version is known"):
        asyncio.run(node.updates.go_back(is_urgent=False))


def test_nobody_goes_back_to_a_newer_version(tmp_path: Path, site: PublisherSite) -> None:
    node = Node(tmp_path, site)
    node.memory.change(lambda memory: handing_over(memory, version="0.1.0", previous="0.2.0"))
    put_bundle(tmp_path / "apps" / "athanor-0.2.0", "0.2.0")

    asyncio.run(node.updates.open())

    assert node.state.back == ""
