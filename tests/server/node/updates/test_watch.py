"""A running node looks and fetches by itself: when it is due, in a quiet moment, and not too often.

The publisher's place is a real web server of this machine, the download child a real one.
"""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.release.keys import Publisher
from app.core.release.schedule import next_fetch
from app.core.release.trial import Memory, not_fetched
from app.core.sharing.facts import Facts
from app.core.state.update_state import UpdateStatus
from app.server.node.updates.service import NO_KEYS, REMEDIES, SWITCHED_OFF
from tests.server.node.updates.node import NOW, Node, a_look_is_due, until
from tests.support.publisher_site import PublisherSite


def test_a_due_look_brings_the_new_version_without_being_asked(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    site.publish("0.2.0", archive)
    node = Node(tmp_path, site)
    a_look_is_due(node)

    asyncio.run(until(node, lambda state: state.status == "ready"))

    assert node.updates.successor is None, "a restart is the owner's"
    again = Node(tmp_path, site)
    site.asked.clear()
    asyncio.run(until(again, lambda state: state.status == "ready"))
    assert site.asked == [], "what was fetched is known after a restart"


def test_a_file_that_is_wrong_where_it_is_published_is_asked_for_later_and_later(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    release = site.publish("0.2.0", archive)
    served = site.folder / archive.name
    served.write_bytes(served.read_bytes()[:-1] + b"\x00")
    at, waits = float(NOW), []
    for count in range(1, 6):
        node = Node(tmp_path, site, now=at)
        asyncio.run(node.updates.look())
        asyncio.run(until(node, lambda state: state.status == "failed"))
        unfetched = node.memory.read().unfetched
        assert unfetched is not None
        assert (unfetched.sha256, unfetched.failures) == (release.builds[0].sha256, count)
        due = next_fetch(failed_at=at, failures=count, now=at, chance=1.0)
        waits.append(due - at)
        at = due

    assert [path for path, _ in site.asked].count(f"/{archive.name}") == 5
    assert [later / sooner for sooner, later in pairwise(waits)] == [2.0] * 4


def test_a_good_look_is_no_reason_to_fetch_sooner_what_could_not_be_fetched(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    release = site.publish("0.2.0", archive)
    node = Node(tmp_path, site)
    failed = not_fetched(Memory(), release.builds[0].sha256, NOW - 60.0)
    node.memory.write(failed)
    a_look_is_due(node)
    statuses = asyncio.run(_statuses_until_switched_off(node, when="offered"))

    assert statuses[-2:] == ["offered", "off"]
    assert [path for path, _ in site.asked] == ["/latest.json"]
    asyncio.run(node.updates.fetch())
    assert node.state.status == "ready", "its owner's wish is more"
    assert node.memory.read().unfetched is None


async def _statuses_until_switched_off(node: Node, *, when: UpdateStatus) -> list[str]:
    """What the watch told; at that status its owner switches updates off, which it sees resting."""
    fetching = node.updates._settings
    now = fetching()
    switched_off = replace(now, updates=replace(now.updates, daily="off"))
    seen: list[str] = []
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        watch = group.create_task(node.updates.keep_watch())
        async for happened in node.hub.watch():
            status = happened.state.update.status
            seen.append(status)
            if status == when:
                node.updates._settings = lambda: switched_off
                node.updates.wake()
            if status == "off":
                break
        watch.cancel()
    node.updates._settings = fetching
    return seen


def test_files_that_cannot_be_written_are_told_and_end_nothing(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    site.publish("0.2.0", archive)
    node = Node(tmp_path, site)
    a_look_is_due(node)
    (tmp_path / "updates").write_text("a file in the way")

    asyncio.run(until(node, lambda state: "cannot be written" in state.sentence))

    assert node.state.status == "failed"


def test_who_wants_only_to_be_told_has_nothing_fetched(
    tmp_path: Path, site: PublisherSite, archive: Path
) -> None:
    site.publish("0.2.0", archive)
    node = Node(tmp_path, site, daily="tell")
    a_look_is_due(node)

    asyncio.run(until(node, lambda state: state.status == "offered"))

    assert [path for path, _ in site.asked] == ["/latest.json"]


@pytest.mark.parametrize(
    ("facts", "is_answering", "words"),
    [
        (Facts(on_battery=True), False, "battery"),
        (Facts(is_metered=True), False, "metered"),
        (Facts(), True, "answer"),
    ],
)
def test_nobody_is_asked_on_battery_on_a_metered_network_or_during_an_answer(
    tmp_path: Path, site: PublisherSite, facts: Facts, is_answering: bool, words: str
) -> None:
    node = Node(tmp_path, site, facts=facts)
    a_look_is_due(node)
    if is_answering:
        node.answer_something()

    asyncio.run(until(node, lambda state: words in state.sentence))

    assert site.asked == []


@pytest.mark.parametrize(
    ("more", "words"), [({"publisher": Publisher()}, NO_KEYS), ({"daily": "off"}, SWITCHED_OFF)]
)
def test_without_keys_or_by_the_owners_wish_nobody_is_asked(
    tmp_path: Path, site: PublisherSite, more, words: str
) -> None:
    node = Node(tmp_path, site, **more)
    a_look_is_due(node)

    asyncio.run(until(node, lambda state: state.status == "off"))

    assert node.state.sentence == words
    assert node.state.remedy == REMEDIES.get(words, "")
    assert site.asked == []
