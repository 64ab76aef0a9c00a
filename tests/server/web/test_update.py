"""Laws of the local API's part about new versions: who may ask, and what a refusal says."""

import msgspec
import pytest

from app.wire.update import UpdatePicture
from tests.server.web.conftest import Web

STEPS = ["look", "fetch", "install", "back"]


def test_what_is_known_of_new_versions_is_told_without_asking_anybody(
    web: Web, owner: dict[str, str]
) -> None:
    answer = web.client.get("/local/update", headers=owner)
    in_state = web.client.get("/local/state", headers=owner).json()["update"]

    picture = msgspec.json.decode(answer.content, type=UpdatePicture)
    assert picture.running
    assert in_state == msgspec.to_builtins(picture)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_cannot_be_made_says_why(web: Web, owner: dict[str, str], step: str) -> None:
    answer = web.client.post(f"/local/update/{step}", json={}, headers=owner)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "update_failed")
    assert any(word in error["message"] for word in ("keys", "Python", "go back"))
    assert not web.node.stopped.is_set()


@pytest.mark.parametrize("step", STEPS)
def test_who_may_not_administer_may_not_change_the_version(web: Web, step: str) -> None:
    answer = web.client.post(f"/local/update/{step}", json={})

    assert answer.status_code in {401, 403}
