"""Laws of the session: who gets one, by what, and what becomes of it."""

import contextlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.server.web.own_page import cookie_name, set_cookie
from tests.server.web.conftest import TOKEN, Web
from tests.server.web.dashboard.owner import HTML, link, signed_in


def anew(web: Web) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{web.port}", timeout=20, trust_env=False)


def test_a_link_signs_in_one_browser_with_a_strict_cookie_that_no_script_sees(web: Web) -> None:
    with anew(web) as browser:
        answer = browser.get(link(web), headers=HTML)

        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(cookie_name(web.port) + "=")
        assert "; HttpOnly" in cookie and "; SameSite=Strict" in cookie and "; Path=/" in cookie
        assert "looking only" not in browser.get("/", headers=HTML).text


@pytest.mark.parametrize(("scheme", "is_secure"), [("http", False), ("https", True)])
def test_a_cookie_that_came_by_tls_goes_back_by_tls_alone(scheme: str, is_secure: bool) -> None:
    cookie = set_cookie("secret", 7118, seconds=5, scheme=scheme)

    assert ("Secure" in cookie.split("; ")) is is_secure


def test_a_link_needs_the_locks_token(web: Web) -> None:
    assert web.client.post("/local/dashboard").status_code == 401


def test_the_page_that_lets_in_sends_no_referrer_and_names_no_code(web: Web) -> None:
    with anew(web) as browser:
        path = link(web)
        answer = browser.get(path, headers=HTML)

        assert answer.headers["referrer-policy"] == "no-referrer"
        assert path.partition("code=")[2] not in answer.text


@pytest.mark.parametrize(
    ("page", "goes"), [("", "/"), ("playground", "/dashboard/playground"), ("//evil", "/")]
)
def test_a_link_leads_to_a_page_of_ours_and_nowhere_else(web: Web, page: str, goes: str) -> None:
    with anew(web) as browser:
        answer = browser.get(f"{link(web)}&page={page}", headers=HTML)

        assert re.findall(r'url=([^"]*)"', answer.text) == [goes]


def test_a_code_that_comes_twice_ends_the_session_that_it_opened(web: Web) -> None:
    with anew(web) as owner, anew(web) as other:
        path = link(web)
        owner.get(path, headers=HTML)

        refused = other.get(path, headers=HTML)

        assert refused.status_code == 401
        assert "set-cookie" not in refused.headers
        assert "looking only" in owner.get("/", headers=HTML).text


def test_a_code_that_comes_many_times_at_once_opens_one_session_and_ends_it(web: Web) -> None:
    path, together = link(web), threading.Barrier(6)

    def come(browser: httpx.Client) -> int:
        together.wait()
        return browser.get(path, headers=HTML).status_code

    with contextlib.ExitStack() as stack:
        browsers = [stack.enter_context(anew(web)) for _ in range(together.parties)]
        with ThreadPoolExecutor(together.parties) as pool:
            answers = sorted(pool.map(come, browsers))

        assert answers == [200, *[401] * 5]
        for browser in browsers:
            assert "looking only" in browser.get("/", headers=HTML).text


def test_the_browser_that_used_a_code_may_come_with_it_again(web: Web) -> None:
    with anew(web) as owner:
        path = link(web)
        owner.get(path, headers=HTML)

        assert owner.get(path, headers=HTML).status_code == 200
        assert "looking only" not in owner.get("/", headers=HTML).text


def test_a_browser_that_only_guesses_does_not_use_the_code_up(web: Web) -> None:
    with anew(web) as browser:
        path = link(web)
        assert browser.get(path, headers={**HTML, "Sec-Purpose": "prefetch"}).status_code == 503

        assert browser.get(path, headers=HTML).status_code == 200


def test_a_wrong_code_lets_nobody_in(web: Web) -> None:
    for code in ("", "x", "ä" * 500):
        answer = web.client.get("/dashboard/enter", params={"code": code}, headers=HTML)

        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


def test_an_admin_key_signs_in_and_another_key_does_not(web: Web, owner: dict[str, str]) -> None:
    admin, plain = (
        web.client.post("/local/keys", json={"name": "x", "scope": scope}, headers=owner).json()
        for scope in ("admin", "inference")
    )
    own = {"Origin": f"http://127.0.0.1:{web.port}"}
    with anew(web) as browser:
        for secret in (plain["secret"], "", TOKEN):
            refused = browser.post("/dashboard/sign-in", data={"key": secret}, headers=own)
            assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)

        assert browser.post(
            "/dashboard/sign-in", data={"key": admin["secret"]}, headers=own
        ).is_success
        assert "looking only" not in browser.get("/", headers=HTML).text


def test_only_our_own_page_may_sign_in(web: Web) -> None:
    for headers in ({}, {"Origin": "http://localhost:3000"}, {"Sec-Fetch-Site": "same-site"}):
        assert (
            web.client.post("/dashboard/sign-in", data={"key": "x"}, headers=headers).status_code
            == 403
        )


def test_signing_out_ends_the_session_and_takes_the_cookie_back(web: Web) -> None:
    with signed_in(web) as browser:
        cookie = browser.client.cookies[cookie_name(web.port)]

        answer = browser.change("/dashboard/sign-out")

        assert "Max-Age=0" in answer.headers["set-cookie"]
        with anew(web) as thief:
            thief.cookies.set(cookie_name(web.port), cookie, domain="127.0.0.1")
            assert "looking only" in thief.get("/", headers=HTML).text


def test_signing_out_everywhere_ends_every_session(web: Web) -> None:
    with signed_in(web) as one, signed_in(web) as two:
        one.change("/dashboard/sign-out", {"everywhere": "yes"})

        assert "looking only" in two.page("/").text
