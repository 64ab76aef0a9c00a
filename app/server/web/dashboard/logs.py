"""Logs: the newest lines of the log, and those that come."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

import msgspec
from litestar import get
from litestar.types import ASGIApp

from app.observe.log_ring import Line
from app.server.web.body import ApiRequest
from app.server.web.dashboard.changes import read_private
from app.server.web.dashboard.pages import LOGS, page_response
from app.server.web.services import services_of
from app.server.web.sse import HEARTBEAT, Emit, EventStream

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
SHOWN: Final = 300


@get(LOGS.path, include_in_schema=False)
async def logs(request: ApiRequest) -> ASGIApp:
    """The page, with the lines so far."""
    backing = services_of(request).dashboard
    level = _level(request)
    lines = backing.log.lines(level=LEVELS[level])[-SHOWN:]
    context = {
        "levels": tuple(LEVELS),
        "level": level,
        "lines": [(each, word_of(each.level)) for each in lines],
        "last": lines[-1].number if lines else 0,
        "log_file": backing.log_file,
        "least": services_of(request).settings.server.log_level,
    }
    return page_response(request, LOGS, context)


@get("/dashboard/log-lines", guards=[read_private], include_in_schema=False)
async def log_lines(request: ApiRequest) -> ASGIApp:
    """The lines past a number, and each as it comes, as server-sent events."""
    services, level = services_of(request), LEVELS[_level(request)]
    text = str(request.query_params.get("after", ""))
    ring, after = services.dashboard.log, int(text) if text.isdecimal() and len(text) < 16 else 0
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def hear() -> None:
        # Lines come from any thread.
        loop.call_soon_threadsafe(news.set)

    async def follow(emit: Emit) -> None:
        # Past the newest: the reader's number is of a server before this one.
        last = after if after <= ring.count else 0
        stop = ring.listen(hear)
        try:
            while True:
                lines = ring.lines(after=last, level=level)
                await emit(_event(lines) if lines else HEARTBEAT)
                last = lines[-1].number if lines else last
                await news.wait()
                news.clear()
        finally:
            stop()

    async def produce(emit: Emit) -> None:
        """Follows the log until the server stops, when every watch of the hub ends."""
        async with aclosing(services.hub.watch()) as watch, asyncio.TaskGroup() as tasks:
            following = tasks.create_task(follow(emit), name="lines of the log")
            async for _ in watch:
                pass
            following.cancel()

    return EventStream(produce, heartbeat_seconds=services.settings.server.heartbeat_seconds)


def word_of(level: int) -> str:
    """A level's name: that of the highest that it reaches."""
    return max((word for word in LEVELS if LEVELS[word] <= level), key=LEVELS.__getitem__,
               default="debug")  # fmt: skip


def _event(lines: Sequence[Line]) -> bytes:
    data = [{"level": word_of(each.level), "text": each.text} for each in lines]
    return f"id: {lines[-1].number}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


def _level(request: ApiRequest) -> str:
    level = request.query_params.get("level", "info")
    return level if level in LEVELS else "info"
