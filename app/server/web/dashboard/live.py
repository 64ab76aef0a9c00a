"""Live: a page's cards, sent again as HTML whenever they changed.

    event: picture     the first: every card, and the points of the plots so far
    event: change      the cards that read otherwise than before, and the newest point

Each has the number of the node's event and the version of the program, by which a page that was
opened before an update knows to reload itself. Events are gathered for `PACE_SECONDS`: a busy node
has hundreds a second, and an eye reads two.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Final, final

import msgspec
from litestar import get
from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp

from app.server.node.history import Point, point_of
from app.server.node.hub import Happened
from app.server.web.body import ApiRequest
from app.server.web.dashboard import (
    catalogue,
    credits,
    home,
    models,
    network,
    playground,
    requests,
    runtimes,
    sharing,
    updates,
)
from app.server.web.dashboard.changes import check_private, read
from app.server.web.dashboard.drawing import draw
from app.server.web.dashboard.pages import ALL_PAGES, frame_of, version
from app.server.web.gate import caller_of
from app.server.web.services import Services, services_of
from app.server.web.sse import Emit, EventStream

PACE_SECONDS: Final = 0.5
"""Between two events of a stream."""
LOOK_SECONDS: Final = 10.0
"""Words such as "unloads in 4 min" are drawn anew this often where nothing happens."""

Draw = Callable[[Services], Mapping[str, object] | Awaitable[Mapping[str, object]]]


@final
class Live(msgspec.Struct, frozen=True):
    """A page's cards: templates in cards/, and the function that makes their values."""

    cards: tuple[str, ...]
    values: Draw
    has_plots: bool = False


def _nothing(_: Services) -> Mapping[str, object]:
    return {}


def _home(services: Services) -> Mapping[str, object]:
    """The home page, and the guided start in its place, which shows downloads."""
    return {**home.values(services), **catalogue.values(services)}


async def _settings(services: Services) -> Mapping[str, object]:
    return {**updates.values(services), **await runtimes.values(services)}


BARE: Final = Live((), _nothing)
"""Pages without cards are told that the server lives, and of which version it is."""

LIVE: Final = {
    "home": Live((*home.CARDS, *catalogue.CARDS), _home, has_plots=True),
    "playground": Live(playground.CARDS, playground.values),
    "models": Live(models.CARDS, models.values),
    "requests": Live(requests.CARDS, requests.values),
    "settings": Live((*updates.CARDS, *runtimes.CARDS), _settings),
    "sharing": Live(sharing.CARDS, sharing.values),
    "credits": Live(credits.CARDS, credits.values),
    "network": Live(network.CARDS, network.values),
}


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What one event of the stream says."""

    number: int
    version: str
    summary: str
    cards: dict[str, str]
    points: list[Point]


@get("/dashboard/events/{page:str}", guards=[read], include_in_schema=False)
async def events(request: ApiRequest) -> ASGIApp:
    """The stream of one page."""
    services = services_of(request)
    page = next((each for each in ALL_PAGES if each.name == request.path_params["page"]), None)
    if page is None:
        raise NotFoundException
    if page.is_private:
        check_private(caller_of(request.scope))
    live = LIVE.get(page.name, BARE)

    async def produce(emit: Emit) -> None:
        newest = _Newest()
        sent: dict[str, str] = {}
        name = "picture"
        async with aclosing(services.hub.watch()) as watch, asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(newest.follow(watch), name="events of a page")
            while await newest.came():
                update = await _update(request, live, newest.number, sent, event=name)
                sent.update(update.cards)
                head = f"id: {update.number}\nevent: {name}\ndata: ".encode()
                await emit(head + msgspec.json.encode(update) + b"\n\n")
                name = "change"
                await asyncio.sleep(PACE_SECONDS)
            reading.cancel()

    return EventStream(produce, heartbeat_seconds=services.settings.server.heartbeat_seconds)


async def draw_cards(request: ApiRequest, live: Live) -> dict[str, str]:
    """Every card's HTML now, by its name."""
    found = live.values(services_of(request))
    values = {**frame_of(request, None), **(await found if isinstance(found, Awaitable) else found)}
    return {name: draw(f"cards/{name}.html", values) for name in live.cards}


async def _update(
    request: ApiRequest, live: Live, number: int, sent: Mapping[str, str], *, event: str
) -> Update:
    services = services_of(request)
    points: list[Point] = []
    if live.has_plots:
        newest = point_of(services.hub.state, services.now())
        points = services.dashboard.history.points() if event == "picture" else [newest]
    frame, cards = frame_of(request, None), await draw_cards(request, live)
    return Update(
        number=number,
        version=version(),
        summary=str(frame["summary"]),
        cards={name: html for name, html in cards.items() if sent.get(name) != html},
        points=points,
    )


@final
class _Newest:
    """Follows a watch and keeps its last number, so that a slow page is never cut off."""

    def __init__(self) -> None:
        self.number = 0
        self._news = asyncio.Event()
        self._is_over = False

    async def follow(self, watch: AsyncGenerator[Happened, None]) -> None:
        async for happened in watch:
            self.number = happened.number
            self._news.set()
        self._is_over = True
        self._news.set()

    async def came(self) -> bool:
        """True when it is time to draw, False when the watch is over."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return True
        self._news.clear()
        return not self._is_over
