"""Pages: which there are, who may read them, and how one is sent.

Everything that stands around a page's own content is here: the frame, the navigation, and the
headers that keep strangers' scripts, frames and hosts out of it.
"""

from collections.abc import Mapping
from typing import Final, final

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from app import __version__
from app.core.state.mood import headline
from app.server.web.body import ApiRequest
from app.server.web.dashboard.drawing import draw, sentence, templates_version
from app.server.web.dashboard.static_files import static_files
from app.server.web.errors import Failure
from app.server.web.gate import caller_of
from app.server.web.own_page import form_token
from app.server.web.services import services_of

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script or style, no foreign host, no frame around us."""

HEADERS: Final = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "cache-control": "no-store",
}


@final
class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the dashboard."""

    name: str
    """Its template is `<name>.html`, its icon `#<name>`."""
    path: str
    title: str
    short: str = ""
    """For the navigation, where the title is too long for it."""
    is_private: bool = False
    """Only for the session: it shows what other users of this machine need not see."""


HOME: Final = Page(name="home", path="/", title="Home")
PLAYGROUND: Final = Page(name="playground", path="/dashboard/playground", title="Playground")
MODELS: Final = Page(name="models", path="/dashboard/models", title="Models")
CONNECT: Final = Page(name="connect", path="/dashboard/connect", title="Connect an app")
REQUESTS: Final = Page(name="requests", path="/dashboard/requests", title="Requests")
SHARING: Final = Page(name="sharing", path="/dashboard/sharing", title="Sharing")
CREDITS: Final = Page(name="credits", path="/dashboard/credits", title="Credits", is_private=True)
KEYS: Final = Page(name="keys", path="/dashboard/keys", title="Keys", is_private=True)
SETTINGS: Final = Page(
    name="settings", path="/dashboard/settings", title="Settings", is_private=True
)
LOGS: Final = Page(name="logs", path="/dashboard/logs", title="Logs", is_private=True)
NETWORK: Final = Page(
    name="network",
    path="/dashboard/network",
    title="Network activity",
    short="Network",
    is_private=True,
)
INVITE: Final = Page(
    name="invite", path="/dashboard/invite", title="An invite to a pool", is_private=True
)
"""Opened by a link, so not in the navigation."""

PAGES: Final = (
    HOME,
    PLAYGROUND,
    MODELS,
    CONNECT,
    REQUESTS,
    SHARING,
    CREDITS,
    KEYS,
    SETTINGS,
    LOGS,
    NETWORK,
)
"""In the order of the navigation."""

ALL_PAGES: Final = (*PAGES, INVITE)


def version() -> str:
    """Of the program, its templates and its files; a page of another one reloads itself."""
    return f"{__version__}-{templates_version()}-{static_files().version}"


def page_response(
    request: ApiRequest,
    page: Page,
    context: Mapping[str, object],
    *,
    template: str = "",
    status: int = 200,
) -> ASGIApp:
    """The page with its own values, or the form to sign in where the reader may not see it.

    `template` is drawn in the place of the page's own: a page that belongs to it.
    """
    caller = caller_of(request.scope)
    is_open = caller.session is not None or caller.may_administer
    if not is_open and (caller.is_stranger or page.is_private):
        return framed(
            request, "sign_in.html", page, {"is_stranger": caller.is_stranger}, status=401
        )
    return framed(request, template or f"{page.name}.html", page, context, status=status)


def framed(
    request: ApiRequest,
    template: str,
    page: Page | None,
    context: Mapping[str, object],
    *,
    status: int = 200,
) -> ASGIApp:
    """The template within the frame of all pages."""
    return html_response(draw(template, {**frame_of(request, page), **context}), status=status)


def error_page(request: ApiRequest, failure: Failure) -> str:
    """What went wrong, for a person: a model that is gone, a form that was refused."""
    message = sentence(failure.answer.error.message)
    context = {"title": "That did not work", "message": message}
    return draw("error.html", {**frame_of(request, None), **context})


def wants_page(request: ApiRequest) -> bool:
    """Whether a browser waits for a whole page of ours."""
    return (
        request.url.path.startswith("/dashboard/")
        and "text/html" in request.headers.get("accept", "")
        and request.headers.get("hx-request") != "true"
    )


def frame_of(request: ApiRequest, page: Page | None) -> dict[str, object]:
    """What every template may name."""
    services, caller = services_of(request), caller_of(request.scope)
    state = services.hub.state
    secret = caller.session
    return {
        "pages": PAGES,
        "page": page,
        "title": page.title if page else "Athanor",
        "version": version(),
        "program_version": __version__,
        "is_stranger": caller.is_stranger,
        "may_change": secret is not None,
        "token": form_token(secret) if secret is not None else "",
        "summary": "" if caller.is_stranger else headline(state, services.now()),
        "api_address": api_address(request),
        "now": services.now(),
    }


def api_address(request: ApiRequest) -> str:
    """Base URL of the OpenAI API, by the name under which the reader called us."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}/v1"


def html_response(
    body: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> ASGIApp:
    """HTML with the headers of every page."""
    return ASGIResponse(
        body=body.encode("utf-8"),
        media_type="text/html",
        status_code=status,
        headers={**HEADERS, **(headers or {})},
    )
