"""Actions: what a click answers with.

htmx gets the words of what was done, for the corner of the page; a form without script goes back
to the page that it stands on.
"""

import json
from urllib.parse import urlsplit

from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from app.server.web.body import ApiRequest
from app.server.web.dashboard.pages import HEADERS


def done(request: ApiRequest, words: str = "", *, go: str = "") -> ASGIApp:
    """It was done. `go` is the page to show next, "" the one where the click was."""
    if is_of_htmx(request):
        headers = {**HEADERS}
        if words:
            headers["hx-trigger"] = json.dumps({"athanor:said": words})
        if go:
            headers["hx-redirect"] = go
        return ASGIResponse(status_code=200, headers=headers, media_type="text/html")
    to = go or _came_from(request)
    return ASGIResponse(status_code=303, headers={**HEADERS, "location": to})


def is_of_htmx(request: ApiRequest) -> bool:
    """Whether a piece of the page is wanted, not a whole one."""
    return request.headers.get("hx-request") == "true"


def fragment(body: str, words: str = "") -> ASGIApp:
    """A piece of a page that takes the place of another."""
    headers = {**HEADERS}
    if words:
        headers["hx-trigger"] = json.dumps({"athanor:said": words})
    return ASGIResponse(body=body.encode(), media_type="text/html", headers=headers)


def _came_from(request: ApiRequest) -> str:
    """The path of the page that the form is on: the Referer's, never its host."""
    path = urlsplit(request.headers.get("referer", "")).path
    return path if path.startswith("/") and not path.startswith("//") else "/"
