"""The owner at the dashboard: a browser's cookies and headers, without a browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser

import httpx

from tests.server.web.conftest import TOKEN, Web

HTML = {"Accept": "text/html", "Sec-Fetch-Site": "none"}


class Browser:
    """A signed-in browser. Its session is its own, so tests do not disturb each other."""

    def __init__(self, web: Web, client: httpx.Client) -> None:
        self.client = client
        self.origin = f"http://127.0.0.1:{web.port}"
        self.token = ""

    def page(self, path: str) -> httpx.Response:
        return self.client.get(path, headers=HTML)

    def read_token(self) -> str:
        found = re.search(r'name="athanor-token" content="(\w*)"', self.page("/").text)
        assert found
        return found[1]

    def change(
        self, path: str, fields: dict[str, str] | None = None, **headers: str
    ) -> httpx.Response:
        """As htmx sends a form."""
        sent = {"Origin": self.origin, "X-Athanor-Token": self.token, "HX-Request": "true"}
        return self.client.post(path, data=fields or {}, headers={**sent, **headers})


def _is_sent(has: dict[str, str | None]) -> bool:
    return "disabled" not in has and (has.get("type") != "checkbox" or "checked" in has)


class _Form(HTMLParser):
    """What a browser sends of the form with this action, where nothing in it is touched."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.fields = action, dict[str, str]()
        self._is_inside, self._chosen, self._text = False, "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag == "form":
            self._is_inside = has.get("action") == self.action
        if not self._is_inside:
            return
        if tag in ("select", "textarea"):
            self._chosen = "" if "disabled" in has else has.get("name") or ""
            self._text = ""
        elif tag == "option" and self._chosen:
            if "selected" in has or self._chosen not in self.fields:
                self.fields[self._chosen] = has.get("value") or ""
        elif tag == "input" and has.get("name") and _is_sent(has):
            self.fields[str(has["name"])] = has.get("value") or ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._chosen:
            self.fields[self._chosen] = self._text.replace("\n", "\r\n")
        if tag in ("select", "textarea"):
            self._chosen = ""


def fields_of(page: str, action: str) -> dict[str, str]:
    """The fields of a page's form, as they are sent by who touches none of them."""
    form = _Form(action)
    form.feed(page)
    return form.fields


def link(web: Web) -> str:
    """A one-time link's path, as the tray and the terminal get it."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    path = web.client.post("/local/dashboard", headers=headers).json()["path"]
    assert isinstance(path, str)
    return path


@contextmanager
def signed_in(web: Web) -> Iterator[Browser]:
    with httpx.Client(base_url=f"http://127.0.0.1:{web.port}", timeout=20, trust_env=False) as own:
        assert own.get(link(web), headers=HTML).status_code == 200
        browser = Browser(web, own)
        browser.token = browser.read_token()
        assert browser.token
        yield browser
