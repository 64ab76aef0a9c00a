"""Laws of changes: no page but ours, with a session and its token, changes anything."""

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler

from app.core.state.events import DevicesSeen
from app.core.state.node_state import Device
from app.server.web.dashboard.changes import change, own_page
from app.server.web.dashboard.routes import PAGE_HANDLERS
from tests.server.web.conftest import Web
from tests.server.web.dashboard.owner import Browser, signed_in

UNLOAD = "/dashboard/models/unload"


def changing() -> list[HTTPRouteHandler]:
    return [each for each in PAGE_HANDLERS if each.http_methods - {"GET", "HEAD", "OPTIONS"}]


def test_every_route_that_changes_something_has_the_guard_of_changes() -> None:
    without = {
        path for each in changing() if change not in (each.guards or ()) for path in each.paths
    }

    assert without == {"/dashboard/sign-in"}
    sign_in = next(each for each in changing() if "/dashboard/sign-in" in each.paths)
    assert own_page in (sign_in.guards or ())


def test_no_page_is_told_in_the_description_of_the_api(web: Web) -> None:
    paths = web.client.get("/openapi", timeout=120).json()["paths"]

    assert [path for path in paths if "dashboard" in path] == ["/local/dashboard"]


def test_a_change_with_the_pages_token_is_made(web: Web) -> None:
    with signed_in(web) as browser:
        assert browser.change(UNLOAD, {"model": "echo"}).is_success
    assert web.node.unloaded == ["echo"]


@pytest.mark.parametrize(
    ("kind", "memory", "is_all"), [("cpu", "memory", True), ("gpu", "GPU memory", False)]
)
def test_memory_is_freed_and_called_by_what_the_machine_has(
    web: Web, kind: str, memory: str, is_all: bool
) -> None:
    device = Device(name="it", description="it", kind=kind, memory_free=0, memory_total=1)
    web.publish(DevicesSeen(devices=(device,)))
    with signed_in(web) as browser:
        assert f">Free {memory} now</button>" in browser.page("/dashboard/sharing").text
        answer = browser.change("/dashboard/free")
    web.publish(DevicesSeen(devices=()))

    assert f"B of {memory} came back" in answer.headers["HX-Trigger"]
    assert web.node.freed[-1] == (is_all, None)


def test_a_form_without_script_brings_the_token_as_a_field(web: Web) -> None:
    with signed_in(web) as browser:
        answer = browser.client.post(
            UNLOAD,
            data={"model": "echo", "token": browser.token},
            headers={"Origin": browser.origin, "Referer": f"{browser.origin}/dashboard/models"},
        )

        assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/models")
    assert web.node.unloaded == ["echo"]


def test_a_form_leads_back_to_this_host_whatever_its_referrer_says(web: Web) -> None:
    with signed_in(web) as browser:
        for referrer in ("https://evil.example/", "https://evil.example//evil.example/x", "x"):
            answer = browser.client.post(
                UNLOAD,
                data={"model": "echo", "token": browser.token},
                headers={"Origin": browser.origin, "Referer": referrer},
            )

            assert answer.headers["location"] == "/"


FOREIGN: dict[str, dict[str, str]] = {
    "another site": {"Origin": "https://evil.example"},
    "another port of this machine": {"Origin": "http://127.0.0.1:3000"},
    "another name of this machine": {"Origin": "http://localhost"},
    "no word of where it comes from": {"Origin": "", "Sec-Fetch-Site": ""},
    "the browser's word that it is another port": {"Origin": "", "Sec-Fetch-Site": "same-site"},
    "a sandboxed frame": {"Origin": "null"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_page_changes_nothing_even_with_cookie_and_token(
    web: Web, headers: dict[str, str]
) -> None:
    with signed_in(web) as browser:
        sent = {name: value for name, value in headers.items() if value}

        answer = browser.client.post(
            UNLOAD,
            data={"model": "echo", "token": browser.token},
            headers={"X-Athanor-Token": browser.token, **sent},
        )

        assert answer.status_code in (401, 403)
    assert web.node.unloaded == []


@pytest.mark.parametrize("token", ["", "x", "0" * 64])
def test_our_own_page_without_the_sessions_token_changes_nothing(web: Web, token: str) -> None:
    with signed_in(web) as browser:
        for sent in (
            browser.change(UNLOAD, {"model": "echo"}, **{"X-Athanor-Token": token}),
            browser.change(UNLOAD, {"model": "echo", "token": token}, **{"X-Athanor-Token": ""}),
        ):
            assert sent.status_code == 403
    assert web.node.unloaded == []


def test_the_token_of_one_session_is_worth_nothing_in_another(web: Web) -> None:
    with signed_in(web) as one, signed_in(web) as two:
        assert one.change(UNLOAD, {"model": "echo"}, **{"X-Athanor-Token": two.token}).is_error
    assert web.node.unloaded == []


def test_who_has_no_session_changes_nothing_on_this_machine_too(web: Web) -> None:
    for each in changing():
        for path in each.paths:
            answer = web.client.post(
                path, data={"model": "echo"}, headers={"Origin": f"http://127.0.0.1:{web.port}"}
            )

            assert answer.status_code == 401, path
    assert web.node.unloaded == []


def test_the_session_opens_the_local_api_to_our_own_pages_alone(web: Web) -> None:
    def keys(browser: Browser, **headers: str) -> httpx.Response:
        return browser.client.post("/local/keys", json={"name": "x"}, headers=headers)

    with signed_in(web) as browser:
        token = {"X-Athanor-Token": browser.token}

        assert keys(browser, Origin=browser.origin, **token).is_success
        assert keys(browser, Origin=browser.origin).status_code == 401
        assert keys(browser, Origin="http://localhost:3000", **token).status_code == 401
        assert keys(browser, **token).status_code == 401


def test_a_form_reaches_no_route_but_those_of_the_pages(web: Web) -> None:
    with signed_in(web) as browser:
        answer = browser.change("/v1/chat/completions", {"model": "echo"})

        assert answer.status_code == 415
