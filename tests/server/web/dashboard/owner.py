"""The owner at the dashboard: a browser's cookies and headers, without a browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

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
