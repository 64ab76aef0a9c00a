"""Sharing: whether this machine's GPU is lent and to whom, and what may be spent in the pool."""

from collections.abc import Mapping
from typing import Final

from litestar import get, post
from litestar.types import ASGIApp

from app.core.base.errors import RequestError
from app.core.base.numbers import whole_number
from app.core.pool.wishes import REGION_LENGTH_MAX
from app.core.state.pool_words import TOLD_TO_THE_HOST
from app.core.state.view import memory_name, size
from app.server.web.body import ApiRequest
from app.server.web.dashboard.actions import done
from app.server.web.dashboard.changes import change, field, is_touched
from app.server.web.dashboard.pages import SHARING, page_response
from app.server.web.local.neighbour import SECONDS_MAX
from app.server.web.local.neighbour_picture import neighbour_picture
from app.server.web.local.pool_picture import pool_picture
from app.server.web.local.sharing import apply_changes, path_of, sharing_picture
from app.server.web.services import Services, services_of
from app.settings.fields import FIELDS

CARDS: Final = ("neighbour", "membership")

_LISTS: Final = ("hours", "lent_models")
_TEXTS: Final = (
    "mode",
    "lend_to",
    "region",
    "when_needed",
    "price_floor",
    "earnings_cap_day",
    "spending",
    "spend_request_max",
    "spend_day_max",
    "spend_month_max",
    "trust",
    "electricity_price",
    "electricity_currency",
)
_LENDING: Final = (
    "mode",
    "idle_minutes",
    "hours",
    "lent_models",
    "lent_slots_percent",
    "load_for_guests",
    "lend_to",
    "region",
    "when_needed",
    "price_floor",
    "earnings_cap_day",
    "electricity_price",
    "electricity_currency",
)
_SPENDING: Final = ("spending", "spend_request_max", "spend_day_max", "spend_month_max", "trust")

_LENGTH_MAX: Final = 10_000
"""Of a field that is typed: lists have many lines. A setting has bounds of its own."""


@get(SHARING.path, include_in_schema=False)
async def sharing(request: ApiRequest) -> ASGIApp:
    """The page."""
    services = services_of(request)
    context = {
        **values(services),
        "rules": sharing_picture(services),
        "told": TOLD_TO_THE_HOST,
        "region_length_max": REGION_LENGTH_MAX,
        "sentences": {name: FIELDS[path_of(name)].sentence for name in (*_LENDING, *_SPENDING)},
    }
    return page_response(request, SHARING, context)


@post("/dashboard/free", guards=[change], include_in_schema=False, status_code=200)
async def free(request: ApiRequest) -> ASGIApp:
    """Free GPU memory now. Answers when it is free; answers under way end with an error.

    Without a GPU it is the machine's memory that is given back.
    """
    services = services_of(request)
    has_gpu = any(device.kind != "cpu" for device in services.hub.state.devices)
    freed = await services.neighbour.free(everything=not has_gpu)
    held = freed.gpu_bytes if has_gpu else sum(each.ram_bytes for each in freed.ended)
    memory = _memory(services)
    words = (
        f"{size(held)} of {memory} came back in {freed.seconds:.1f} s."
        if freed.ended
        else f"No model held {memory}."
    )
    return done(request, words)


@post("/dashboard/resume", guards=[change], include_in_schema=False, status_code=200)
async def resume(request: ApiRequest) -> ASGIApp:
    """Let requests use GPU memory again, and end a snooze."""
    services_of(request).neighbour.resume()
    words = "Requests may load models again, and lending goes on."
    return done(request, words, go=SHARING.path)


@post("/dashboard/snooze", guards=[change], include_in_schema=False, status_code=200)
async def snooze(request: ApiRequest) -> ASGIApp:
    """Lend nothing for a while; jobs under way may end first."""
    hours = whole_number(await field(request, "hours"))
    if hours is None or not 0 < hours * 3600 <= SECONDS_MAX:
        raise RequestError("must be a whole number of hours", field="hours")
    is_finishing = await field(request, "finish") == "yes"
    services_of(request).neighbour.snooze(3600.0 * hours, is_finishing=is_finishing)
    words = f"Nothing is lent for {hours} hour{'' if hours == 1 else 's'}."
    return done(request, words, go=SHARING.path)


@post("/dashboard/sharing/lending", guards=[change], include_in_schema=False, status_code=200)
async def save_lending(request: ApiRequest) -> ASGIApp:
    """The rules of lending that were changed in the form."""
    await apply_changes(services_of(request), await _typed(request, _LENDING))
    return done(request, "Saved; it holds now.", go=SHARING.path)


@post("/dashboard/sharing/spending", guards=[change], include_in_schema=False, status_code=200)
async def save_spending(request: ApiRequest) -> ASGIApp:
    """The limits of spending that were changed in the form."""
    await apply_changes(services_of(request), await _typed(request, _SPENDING))
    return done(request, "Saved; it holds now.", go=SHARING.path)


@post("/dashboard/pool/join", guards=[change], include_in_schema=False, status_code=200)
async def join(request: ApiRequest) -> ASGIApp:
    """Become a member by the invite that was pasted."""
    services = services_of(request)
    invite = await field(request, "invite", length_max=_LENGTH_MAX)
    await services.pool.join(invite, await field(request, "name") or services.machine)
    return done(request, "This machine belongs to the pool.", go=SHARING.path)


@post("/dashboard/pool/leave", guards=[change], include_in_schema=False, status_code=200)
async def leave(request: ApiRequest) -> ASGIApp:
    """Leave the pool; what was earned and spent stays known."""
    await services_of(request).pool.leave()
    return done(request, "This machine belongs to no pool any more.", go=SHARING.path)


def values(services: Services) -> Mapping[str, object]:
    """What the cards show now."""
    state, now = services.hub.state, services.now()
    return {
        "neighbour": neighbour_picture(state, now),
        "memory_name": _memory(services),
        "pool": pool_picture(state, now, device=services.pool.device),
        "machine": services.machine,
    }


def _memory(services: Services) -> str:
    return memory_name(device.kind for device in services.hub.state.devices)


async def _typed(request: ApiRequest, names: tuple[str, ...]) -> dict[str, object]:
    """The form's fields that were touched, as settings; a box not ticked is sent as nothing."""
    found: dict[str, object] = {}
    for name in names:
        if not await is_touched(request, name):
            continue
        text = await field(request, name, length_max=_LENGTH_MAX)
        if name in _LISTS:
            found[name] = tuple(line.strip() for line in text.splitlines() if line.strip())
        elif name == "load_for_guests":
            found[name] = text == "yes"
        elif name in _TEXTS:
            found[name] = text or FIELDS[path_of(name)].default
        else:
            found[name] = _number(name, text)
    return found


def _number(name: str, text: str) -> float | int:
    try:
        return int(text) if name == "lent_slots_percent" else float(text)
    except ValueError:
        raise RequestError(f"must be {FIELDS[path_of(name)].allowed}", field=name) from None
