"""Laws of every page: its headers, its escaping, who may read it."""

import re
from html.parser import HTMLParser

import pytest

from app.core.base.ids import ModelName
from app.core.state.events import Listed, ModelsListed
from app.server.web.dashboard.pages import PAGES, POLICY, Page
from app.server.web.guards import Passed, judge
from tests.server.web.conftest import Web
from tests.server.web.dashboard.owner import HTML, signed_in
from tests.server.web.test_guards import DOOR

HOSTILE = '<img src=x onerror="alert(1)">\'"&{{ 7*7 }}'


class Read(HTMLParser):
    """What a browser would run, load or send of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self._is_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.inline.append(f"{tag} {name}")
            if name in ("src", "href", "action", "hx-post", "hx-get") and value:
                self.loaded.append(value)
        self._is_script = tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self._is_script and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False


each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@each_page
def test_a_page_runs_nothing_inline_and_asks_no_foreign_host(web: Web, page: Page) -> None:
    with signed_in(web) as browser:
        answer = browser.page(page.path)

    read = Read(answer.text)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert read.inline == []
    assert not [each for each in read.loaded if re.match(r"(\w+:)?//", each)]


def test_the_policy_allows_no_inline_code_and_no_foreign_host() -> None:
    directives = dict(each.strip().partition(" ")[::2] for each in POLICY.split(";"))

    assert directives["default-src"] == "'none'"
    assert "frame-ancestors" in directives and "base-uri" in directives
    assert {word for value in directives.values() for word in value.split()} == {
        "'none'", "'self'", "data:",
    }  # fmt: skip


@each_page
def test_a_page_has_one_heading_and_names_itself(web: Web, page: Page) -> None:
    with signed_in(web) as browser:
        # The front page is the guided start until something was set up, as by another test.
        text = browser.page(page.path + "?home").text

    assert len(re.findall(r"<h1\b", text)) == 1
    assert f"<title>{page.title} · Athanor</title>" in text
    assert text.count('aria-current="page"') == 1


@each_page
def test_hostile_names_are_text_on_every_page(web: Web, page: Page) -> None:
    before = tuple(Listed(name=each.name, size_bytes=each.size_bytes) for each in web.node.models())
    web.publish(ModelsListed(models=(*before, Listed(name=ModelName(HOSTILE), size_bytes=1))))
    web.node.state.models[ModelName(HOSTILE)] = web.node.state.models[ModelName("echo")]
    try:
        with signed_in(web) as browser:
            text = browser.page(f"{page.path}?model={HOSTILE}").text
    finally:
        del web.node.state.models[ModelName(HOSTILE)]
        web.publish(ModelsListed(models=before))

    assert "onerror=" not in [name for name in Read(text).inline]
    assert "img" not in Read(text).tags
    assert "49" not in re.findall(r"onerror.{0,40}", text)


@each_page
def test_who_is_on_this_machine_may_read_all_but_private_pages(web: Web, page: Page) -> None:
    answer = web.client.get(page.path, headers=HTML)

    assert answer.status_code == (401 if page.is_private else 200)
    assert ("/dashboard/sign-in" in answer.text) is page.is_private
    assert 'name="athanor-token" content=""' in answer.text


def test_a_stranger_gets_the_form_to_sign_in_and_nothing_else() -> None:
    for path in ("/", "/dashboard/playground", "/dashboard/enter"):
        verdict = judge(
            DOOR,
            method="GET",
            path=path,
            headers={"host": "192.168.1.2:7117", "accept": "text/html"},
            peer="192.168.1.7",
            verify=lambda _: None,
        )

        assert isinstance(verdict, Passed)
        assert verdict.caller.is_stranger
        assert not verdict.caller.may_administer


@pytest.mark.parametrize("accept", ["*/*", "application/json", "", "text/plain"])
def test_programs_get_the_front_page_in_a_line(web: Web, accept: str) -> None:
    answer = web.client.get("/", headers={"Accept": accept})

    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("Athanor ")


def test_static_files_are_kept_for_ever_under_their_version_alone(web: Web) -> None:
    address = next(each for each in Read(web.client.get("/", headers=HTML).text).loaded
                   if each.endswith("app.css"))  # fmt: skip

    assert "immutable" in web.client.get(address).headers["cache-control"]
    old = web.client.get("/dashboard/static/000000000000/app.css")
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize(
    "name", ["../templates/base.html", "%2e%2e/templates/base.html", "..%2f..%2fREADME.md", "x.js"]
)
def test_no_path_leads_out_of_the_static_files(web: Web, name: str) -> None:
    assert web.client.get(f"/dashboard/static/1/{name}").status_code == 404


def test_what_went_wrong_is_a_page_for_browsers_and_json_for_programs(web: Web) -> None:
    for path in ("/dashboard/model?name=<b>gone", "/dashboard/nothing"):
        page = web.client.get(path, headers=HTML)

        assert page.status_code == 404
        assert page.headers["content-security-policy"] == POLICY
        assert "<b>gone" not in page.text and "That did not work" in page.text
        assert web.client.get(path).json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("host", ["192.168.1.5", "furnace.local"])
@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_who_came_by_another_address_is_shown_that_one_and_told_that_it_wants_a_key(
    web: Web, host: str, place: str
) -> None:
    with signed_in(web) as browser:
        shown = browser.client.get(
            f"/dashboard/connect?app=curl&from={place}", headers={**HTML, "Host": f"{host}:7117"}
        ).text
        home = browser.client.get("/?home", headers={**HTML, "Host": f"{host}:7117"}).text

    assert f"http://{host}:7117/v1" in home and "By this address programs need a" in home
    assert "no key is needed" not in home
    assert f"curl http://{host}:7117/v1/chat/completions" in shown
    assert "Bearer YOUR-KEY" in shown
