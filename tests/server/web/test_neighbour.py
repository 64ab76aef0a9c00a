"""Laws of the local API's part about the machine's other programs."""

import msgspec
import pytest
from msgspec.structs import replace

from app.core.base.errors import GpuGone, Paused
from app.core.sharing.facts import Orders
from app.core.sharing.policy import Verdict
from app.core.sharing.reasons import Cause, Reason
from app.core.state.events import VerdictChanged
from app.core.state.node_state import Neighbour
from app.server.web.errors import failure_of
from app.server.web.local.neighbour_picture import neighbour_picture
from app.wire.local import NodePicture
from app.wire.sharing import FreeAnswer, NeighbourAnswer, NeighbourPicture
from tests.server.web.conftest import Web

GAME = Neighbour(
    verdict=Verdict(
        memory="free",
        memory_causes=(
            Cause(
                reason=Reason.EXCLUSIVE_APP_RUNNING, since=5.0, detail="Game", lasts_seconds=10.0
            ),
        ),
        refuses_loads=True,
    ),
    since=5.0,
    orders=Orders(held_until=9.0),
    mode="idle",
)


def test_free_tells_what_ended_how_soon_and_whether_the_driver_confirms(
    web: Web, owner: dict[str, str]
) -> None:
    body = {"scope": "all", "hold_seconds": 30}
    response = web.client.post("/local/free", json=body, headers=owner)

    answer = msgspec.json.decode(response.content, type=FreeAnswer)
    assert [each.model for each in answer.ended] == ["echo"]
    assert (answer.gpu_bytes, answer.is_measured, answer.is_back) == (5, True, True)
    assert web.node.freed[-1] == (True, 30.0)


def test_free_means_gpus_and_the_owners_hold_unless_it_says_otherwise(
    web: Web, owner: dict[str, str]
) -> None:
    response = web.client.post("/local/free", json={}, headers=owner)

    assert response.status_code == 200
    assert web.node.freed[-1] == (False, None)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/local/free", {"hold_seconds": -1}, "hold_seconds"),
        ("/local/free", {"scope": "some"}, "scope"),
        ("/local/snooze", {"seconds": 1e12}, "seconds"),
        ("/local/snooze", {}, "seconds"),
    ],
)
def test_an_order_that_cannot_be_names_its_field(
    web: Web, owner: dict[str, str], path: str, body: dict[str, object], field: str
) -> None:
    response = web.client.post(path, json=body, headers=owner)

    assert (response.status_code, response.json()["error"]["param"]) == (400, field)


def test_a_snooze_and_its_end_answer_with_the_picture(web: Web, owner: dict[str, str]) -> None:
    snoozed = web.client.post("/local/snooze", json={"seconds": 60, "finish": True}, headers=owner)
    resumed = web.client.post("/local/resume", headers=owner)

    for response in (snoozed, resumed):
        msgspec.json.decode(response.content, type=NeighbourPicture)
    assert web.node.snoozed[-2:] == [(60.0, True), (0.0, False)]


def test_the_facts_are_told_or_why_they_are_not_known(web: Web, owner: dict[str, str]) -> None:
    response = web.client.get("/local/neighbour", headers=owner)

    facts = msgspec.json.decode(response.content, type=NeighbourAnswer).facts
    by_name = {fact.name: fact for fact in facts}
    assert by_name["full-screen program"].value == "no"
    assert by_name["last input"].unknown == "nobody has looked yet"


def test_the_picture_names_the_program_for_the_owners_faces(web: Web) -> None:
    state = replace(web.node.state, neighbour=GAME)

    picture = neighbour_picture(state, 6.0)

    assert picture.summary == (
        "paused: a program that always wins is running (Game), resumes 10 seconds after it ends"
    )
    assert picture.memory_causes[0].reason == "exclusive_app_running"
    assert (picture.held_until, picture.mode) == (9.0, "idle")


def test_a_verdict_is_an_event_and_its_program_is_in_no_answer_without_the_owners_key(
    web: Web, owner: dict[str, str]
) -> None:
    web.publish(VerdictChanged(neighbour=GAME))
    try:
        shown = web.client.get("/local/state", headers=owner)
        picture = msgspec.json.decode(shown.content, type=NodePicture)
        assert picture.neighbour is not None and "Game" in picture.neighbour.summary

        for path in ("/health", "/metrics", "/v1/models", "/props"):
            assert "Game" not in web.client.get(path).text
    finally:
        web.publish(VerdictChanged(neighbour=Neighbour()))


@pytest.mark.parametrize(
    ("error", "code"),
    [(Paused("paused", retry_after_seconds=7), "paused"), (GpuGone("gone"), "gpu_gone")],
)
def test_clients_are_told_not_to_repeat_at_once(error: Exception, code: str) -> None:
    failure = failure_of(error)

    headers = dict(failure.headers)
    assert failure.status == 503
    assert failure.answer.error.code == code
    assert headers[b"x-should-retry"] == b"false"
    if isinstance(error, Paused):
        assert headers[b"retry-after"] == b"7"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/local/neighbour"),
        ("POST", "/local/free"),
        ("POST", "/local/snooze"),
        ("POST", "/local/resume"),
    ],
)
def test_only_the_owner_orders(web: Web, method: str, path: str) -> None:
    assert web.client.request(method, path, json={}).status_code == 401
