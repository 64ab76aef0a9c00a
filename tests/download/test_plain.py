"""Files of any web server arrive as those of the hub do: whole, checked, and resumed."""

import random
from pathlib import Path

from app.wire.download import Failed, Fetch, Fetched, FetchFile, RangeRead, ReadAddress
from tests.support.download_child import DownloadChild, download_child
from tests.support.hub import Hub, sha256

MIB = 1024**2
CONTENT = random.Random(11).randbytes(5 * MIB + 77)
PLACE = "packs/place"


def address(hub: Hub, name: str = "pack.zip") -> str:
    return f"{hub.endpoint}/cdn/{PLACE}//{name}"


def order(hub: Hub, folder: Path, **more: int) -> Fetch:
    file = FetchFile(
        path="pack.zip",
        name="pack.zip",
        size=len(CONTENT),
        sha256=sha256(CONTENT),
        address=address(hub),
    )
    return Fetch(
        repository="",
        revision="",
        files=(file,),
        folder=str(folder / "out"),
        workshop=str(folder / "work"),
        purpose="runtime pack",
        **more,
    )


def test_a_file_of_a_plain_server_arrives_whole_and_its_call_is_told_with_its_purpose(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(PLACE, {"pack.zip": CONTENT})

    end = child.ask(order(hub, tmp_path))

    assert isinstance(end, Fetched)
    assert (tmp_path / "out" / "pack.zip").read_bytes() == CONTENT
    assert {call.purpose for call in child.calls} == {"runtime pack"}
    assert all(asked.token == "" for asked in hub.asked)


def test_a_file_goes_on_where_the_connection_broke(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(PLACE, {"pack.zip": CONTENT})
    hub.break_after = 3 * MIB

    end = child.ask(order(hub, tmp_path))

    assert isinstance(end, Fetched)
    assert (tmp_path / "out" / "pack.zip").read_bytes() == CONTENT
    assert any(asked.range for asked in hub.asked)
    assert hub.sent < 2 * len(CONTENT)


def test_a_killed_child_is_followed_by_one_that_goes_on(hub: Hub, tmp_path: Path) -> None:
    hub.add(PLACE, {"pack.zip": CONTENT})
    hub.hold_after = 4 * MIB
    with download_child(hub.environment) as child:
        child.send(order(hub, tmp_path))
        child.until(lambda said: getattr(said, "done_bytes", 0) >= 3 * MIB)
        child.kill()
    hub.hold_after = None
    hub.released.set()

    with download_child(hub.environment) as child:
        end = child.ask(order(hub, tmp_path))

    assert isinstance(end, Fetched)
    assert (tmp_path / "out" / "pack.zip").read_bytes() == CONTENT
    assert hub.asked[-1].range


def test_a_server_without_ranges_is_read_from_the_beginning(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(PLACE, {"pack.zip": CONTENT})
    hub.ignores_ranges = True
    hub.break_after = 2 * MIB

    end = child.ask(order(hub, tmp_path))

    assert isinstance(end, Fetched)
    assert (tmp_path / "out" / "pack.zip").read_bytes() == CONTENT


def test_another_content_or_a_longer_one_is_refused_and_not_kept(hub: Hub, tmp_path: Path) -> None:
    for content in (CONTENT[::-1], CONTENT + b"more"):
        hub.add(PLACE, {"pack.zip": content})
        with download_child(hub.environment) as child:
            end = child.ask(order(hub, tmp_path))

        assert isinstance(end, Failed)
        assert end.kind == "content"
        assert not (tmp_path / "out" / "pack.zip").exists()


def test_a_disk_without_room_is_told_before_anything_is_asked(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(PLACE, {"pack.zip": CONTENT})

    end = child.ask(order(hub, tmp_path, disk_free_bytes_min=2**60))

    assert isinstance(end, Failed)
    assert end.kind == "disk_full"
    assert end.missing_bytes > 0
    assert hub.asked == []


def test_a_small_file_is_read_and_a_large_or_missing_one_is_refused(
    hub: Hub, child: DownloadChild
) -> None:
    hub.add(PLACE, {"packs.json": b"{}", "large.json": bytes(2000)})

    small = child.ask(ReadAddress(address=address(hub, "packs.json"), bytes_max=1000, purpose="p"))
    large = child.ask(ReadAddress(address=address(hub, "large.json"), bytes_max=1000, purpose="p"))
    missing = child.ask(ReadAddress(address=f"{hub.endpoint}/no", bytes_max=1000, purpose="p"))
    nonsense = child.ask(ReadAddress(address="nonsense", bytes_max=1000, purpose="p"))

    assert small == RangeRead(content=b"{}")
    assert isinstance(large, Failed) and large.kind == "content"
    assert isinstance(missing, Failed) and missing.kind == "not_found"
    assert isinstance(nonsense, Failed) and nonsense.kind == "refused"
