"""Laws of a link that invites: it shows a page, and joins nothing by itself."""

import re
import secrets
from pathlib import Path

import httpx
import pytest

from app.core.base.units import SECOND, Microseconds
from app.core.pool.invite import Invite, write_invite
from app.server.identity.keys import PoolKey
from app.server.web.local.links import page_of
from tests.server.web.conftest import TOKEN, Web
from tests.server.web.dashboard.owner import HTML, signed_in

FAR = Microseconds(4_000_000_000 * SECOND)


def invite(folder: Path, *, name: str = "Ada", expires_at: Microseconds = FAR) -> str:
    key = PoolKey.ensure(folder / "host.key")
    made = Invite(
        pool=key.pool,
        secret=secrets.token_hex(16),
        kind="friend",
        uses=1,
        expires_at=expires_at,
        address="ws://pool.example:7118",
        name=name,
    )
    return write_invite(made, key)


def opened(web: Web, link: str) -> httpx.Response:
    """As `athanor open` asks it."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return web.client.post("/local/links", json={"link": link}, headers=headers)


def test_an_invite_waits_on_a_page_that_says_who_invites_and_where_to(
    web: Web, tmp_path: Path
) -> None:
    text = invite(tmp_path)
    path = opened(web, text).json()["path"]

    with signed_in(web) as owner:
        moved = owner.client.get(path, headers=HTML)
        page = owner.page("/dashboard/invite").text

    assert re.findall(r'url=([^"]*)"', moved.text) == ["/dashboard/invite"]
    assert "Ada invites this machine" in page
    assert "pool.example:7118" in page
    assert "not encrypted" in page
    assert "Nothing has been joined yet" in page


def test_an_invite_stands_in_no_address_and_on_no_page(web: Web, tmp_path: Path) -> None:
    text = invite(tmp_path)
    answer = opened(web, text)

    with signed_in(web) as owner:
        page = owner.page("/dashboard/invite").text

    code = text.removeprefix("athanor://join/")
    assert code not in answer.text + page


def test_only_a_click_of_the_owner_joins_and_declining_forgets(web: Web, tmp_path: Path) -> None:
    opened(web, invite(tmp_path))

    with signed_in(web) as owner:
        stranger = web.client.post("/dashboard/invite/accept")
        declined = owner.change("/dashboard/invite/decline")
        again = owner.change("/dashboard/invite/accept")
        page = owner.page("/dashboard/invite").text

    assert stranger.status_code in (401, 403)
    assert declined.status_code == 200
    assert again.status_code == 400
    assert "No invite waits here" in page


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text[:-3], "is not whole"),
        (lambda text: text.replace("A", "B", 3), "invite"),
        (lambda _: "athanor://join/", "is empty"),
    ],
)
def test_a_damaged_invite_is_shown_with_what_is_wrong(
    web: Web, tmp_path: Path, spoil: object, words: str
) -> None:
    assert callable(spoil)
    opened(web, spoil(invite(tmp_path)))

    with signed_in(web) as owner:
        page = owner.page("/dashboard/invite").text

    assert words in page
    assert "Join this pool" not in page


def test_an_invite_whose_time_is_over_is_not_offered(web: Web, tmp_path: Path) -> None:
    opened(web, invite(tmp_path, expires_at=Microseconds(1_000 * SECOND)))

    with signed_in(web) as owner:
        page = owner.page("/dashboard/invite").text

    assert "expired" in page
    assert "Join this pool" not in page


def test_words_of_an_inviter_are_words_and_no_markup(web: Web, tmp_path: Path) -> None:
    opened(web, invite(tmp_path, name="<script>alert(1)</script>"))

    with signed_in(web) as owner:
        page = owner.page("/dashboard/invite").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("athanor://", "home"),
        ("athanor://models", "models"),
        ("athanor:///SETTINGS/", "settings"),
        ("athanor://nowhere", "home"),
        ("athanor://../../etc", "home"),
        ("ATHANOR://JOIN/ABC", "invite"),
        ("athanor://invite", "home"),
    ],
)
def test_a_link_leads_to_a_page_of_ours_by_its_name(link: str, page: str) -> None:
    assert page_of(link) == page


@pytest.mark.parametrize("link", ["https://example.org", "", "athanor:models", "athanor://" * 300])
def test_what_is_no_link_of_ours_is_refused(web: Web, link: str) -> None:
    answer = opened(web, link)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "link"


def test_a_link_needs_the_token_of_this_user(web: Web) -> None:
    assert web.client.post("/local/links", json={"link": "athanor://"}).status_code == 401
