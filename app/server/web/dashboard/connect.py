"""Connect an app: which address, model and key a program needs, from where it runs."""

from typing import Final, Literal, final
from urllib.parse import urlsplit

import msgspec
from litestar import get
from litestar.types import ASGIApp

from app.server.web.body import ApiRequest
from app.server.web.dashboard.apps import APPS, Reach
from app.server.web.dashboard.pages import CONNECT, api_address, page_response
from app.server.web.dashboard.playground import Talker, first_talker, talkers_of
from app.server.web.origins import is_loopback_address
from app.server.web.services import Services, services_of

From = Literal["here", "docker", "elsewhere"]

PLACES: Final[dict[From, str]] = {
    "here": "this machine",
    "docker": "a container on this machine",
    "elsewhere": "another machine",
}

_NO_KEY: Final = "no-key-needed"
"""Clients insist on sending something."""
_SOME_KEY: Final = "YOUR-KEY"
_MODEL: Final = "MODEL"
_CONTEXT_GUESS: Final = 8192


@final
class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Where a program runs, and what that asks for."""

    base: str
    key: str
    is_reachable: bool
    """Whether a program there reaches this server as it listens now."""

    @property
    def needs_key(self) -> bool:
        """Whether a key of the owner's has to be put in."""
        return self.key == _SOME_KEY


@get(CONNECT.path, include_in_schema=False)
async def connect(request: ApiRequest) -> ASGIApp:
    """The page: one program's settings, and tiles for the others."""
    services, query = services_of(request), request.query_params
    talkers = talkers_of(services)
    model = query.get("model", "")
    chosen = next((each for each in talkers if each.name == model), first_talker(talkers))
    app = next((each for each in APPS if each.name == query.get("app")), APPS[0])
    wished = query.get("from", "docker" if app.is_in_docker else "here")
    place: From = wished if wished in PLACES else "here"
    shown = reach_from(place, api_address(request), services)
    reach = Reach(
        base=shown.base,
        model=chosen.name if chosen else _MODEL,
        key=shown.key,
        context=_context(chosen),
    )
    context = {
        "apps": APPS,
        "app": app,
        "snippets": app.snippets(reach),
        "talkers": talkers,
        "chosen": chosen.name if chosen else "",
        "places": PLACES,
        "place": place,
        "shown": shown,
        "reach": reach,
    }
    return page_response(request, CONNECT, context)


def reach_from(place: From, here: str, services: Services) -> Shown:
    """Address and key for a program that runs there; `here` is our address as the page has it."""
    called, host = urlsplit(here), services.settings.server.host
    port = called.port or services.settings.server.port
    is_local, is_here = _is_loopback(host), _is_loopback(called.hostname or "")
    match place:
        case "here":
            # By any other address even this machine's own programs are asked for a key.
            return Shown(base=here, key=_NO_KEY if is_here else _SOME_KEY, is_reachable=True)
        case "docker":
            # Docker Desktop leads this name to the host's loopback; Docker on Linux does not.
            base = f"http://host.docker.internal:{port}/v1"
            return Shown(base=base, key=_NO_KEY if is_local else _SOME_KEY, is_reachable=True)
        case "elsewhere":
            # What led this reader here leads others here; our own name is known to few networks.
            base = f"http://{services.machine}:{port}/v1" if is_here else here
            return Shown(base=base, key=_SOME_KEY, is_reachable=not is_local)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or is_loopback_address(host)


def _context(talker: Talker | None) -> int:
    return talker.context if talker and talker.context else _CONTEXT_GUESS
