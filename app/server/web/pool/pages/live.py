"""Live: cards of the pool's pages, sent again as HTML when they read otherwise than before.

The same events as the node's dashboard has, for the same script. What they show comes from many
places, memory and database; so they are looked at in a rhythm, and only while somebody reads.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from litestar import get
from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp

from app.server.web.body import ApiRequest
from app.server.web.dashboard.changes import read_private
from app.server.web.dashboard.drawing import draw
from app.server.web.dashboard.live import Update
from app.server.web.dashboard.pages import version
from app.server.web.pool.desk import Desk, desk_of
from app.server.web.pool.pages.accounts import machines_values
from app.server.web.pool.pages.frame import POOL_PAGES, frame_of
from app.server.web.pool.pages.overview import offers_values, overview_values
from app.server.web.pool.services import HEARTBEAT_SECONDS
from app.server.web.sse import Emit, EventStream

LOOK_SECONDS: Final = 2.0

Values = Callable[[Desk], Awaitable[Mapping[str, object]]]

LIVE: Final[dict[str, tuple[str, Values]]] = {
    "overview": ("pool_overview", overview_values),
    "offers": ("pool_offers", offers_values),
    "machines": ("pool_machines", machines_values),
}
"""Page -> its card in cards/, and what makes its values. Other pages are told that we live."""


@get("/dashboard/events/{page:str}", guards=[read_private], include_in_schema=False)
async def events(request: ApiRequest) -> ASGIApp:
    """The stream of one page."""
    name = str(request.path_params["page"])
    if all(page.name != name for page in POOL_PAGES):
        raise NotFoundException

    async def produce(emit: Emit) -> None:
        sent: dict[str, str] = {}
        number = 0
        while True:
            cards = await _cards(request, name)
            changed = {card: html for card, html in cards.items() if sent.get(card) != html}
            if changed or not number:
                sent.update(changed)
                kind = "change" if number else "picture"
                number += 1
                update = Update(
                    number=number, version=version(), summary="", cards=changed, points=[]
                )
                head = f"id: {number}\nevent: {kind}\ndata: ".encode()
                await emit(head + msgspec.json.encode(update) + b"\n\n")
            await asyncio.sleep(LOOK_SECONDS)

    return EventStream(produce, heartbeat_seconds=HEARTBEAT_SECONDS)


async def _cards(request: ApiRequest, page: str) -> dict[str, str]:
    """Every card's HTML now, by its name."""
    if page not in LIVE:
        return {}
    card, values = LIVE[page]
    context = {**frame_of(request, None), **await values(desk_of(request))}
    return {card: draw(f"cards/{card}.html", context)}
