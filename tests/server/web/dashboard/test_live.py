"""Laws of the live connection: the picture first, then what changed, with numbers and a version."""

import json
from collections.abc import Iterator

import httpx
import pytest

from app.core.state.events import NoticeCleared, NoticeRaised
from app.core.state.node_state import Notice
from app.server.web.dashboard.pages import PAGES, version
from tests.server.web.conftest import Web
from tests.server.web.dashboard.owner import signed_in


def events(response: httpx.Response) -> Iterator[tuple[str, dict]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_page_gets_its_picture_and_then_the_cards_that_changed(web: Web) -> None:
    notice = Notice(key="x", severity="warning", message="<b>full</b>", remedy="Make room.")
    with web.client.stream("GET", "/dashboard/events/home") as response:
        stream = events(response)
        name, first = next(stream)
        web.publish(NoticeRaised(notice=notice))
        second_name, second = next(stream)
    web.publish(NoticeCleared(key="x"))

    assert (name, second_name) == ("picture", "change")
    assert {"notices", "running", "machine"} <= set(first["cards"])
    assert set(second["cards"]) == {"notices"}
    assert "&lt;b&gt;full&lt;/b&gt;" in second["cards"]["notices"]
    assert second["number"] > first["number"]
    assert first["version"] == second["version"] == version()
    assert first["points"] and len(second["points"]) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_stream_is_for_who_may_read_its_page(web: Web, page) -> None:
    with web.client.stream("GET", f"/dashboard/events/{page.name}") as response:
        assert response.status_code == (401 if page.is_private else 200)
    with (
        signed_in(web) as browser,
        browser.client.stream("GET", f"/dashboard/events/{page.name}") as response,
    ):
        assert next(events(response))[0] == "picture"


def test_a_page_that_is_not_there_has_no_stream(web: Web) -> None:
    assert web.client.get("/dashboard/events/nothing").status_code == 404


def test_lines_of_the_log_are_for_the_session_alone(web: Web) -> None:
    assert web.client.get("/dashboard/log-lines").status_code == 401
