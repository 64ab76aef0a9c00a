"""Requests: one line each of what was asked of the node: how much, how long, never what."""

from collections.abc import Mapping
from typing import Final, final

import msgspec
from litestar import get
from litestar.types import ASGIApp

from app.core.state.node_state import RequestState
from app.server.node.recent import Done
from app.server.web.body import ApiRequest
from app.server.web.dashboard.pages import REQUESTS, page_response
from app.server.web.services import Services, services_of

CARDS: Final = ("under_way", "requests")
SHOWN: Final = 100

_LEAST_WIDTH: Final = 4.0
"""Of the shortest request's bar, so that it can be seen; the longest is 100 wide."""

PARTS: Final = (("load", "Load"), ("queue", "Queue"), ("prefill", "Read"), ("decode", "Answer"))
"""The parts of a bar and what they are called, in the order in which they happen."""


@final
class Segment(msgspec.Struct, frozen=True):
    """A part of a bar, in hundredths of its width."""

    kind: str
    start: float
    width: float


@final
class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is over."""

    done: Done
    segments: tuple[Segment, ...]
    words: str
    """The bar in words."""


@get(REQUESTS.path, include_in_schema=False)
async def requests(request: ApiRequest) -> ASGIApp:
    """The page."""
    return page_response(request, REQUESTS, values(services_of(request)))


def values(services: Services) -> Mapping[str, object]:
    """What the cards show now."""
    recent, now = services.dashboard.recent, services.now()
    newest = recent.newest_first()[:SHOWN]
    longest = max((done.total_ms for done in newest), default=0.0)
    return {
        "parts": PARTS,
        "under_way": [_under_way(each, now) for each in services.hub.state.requests.values()],
        "rows": [row_of(done, longest) for done in newest],
        "ended": recent.count,
    }


def row_of(done: Done, longest: float) -> Row:
    """A request's row; its bar is as long as its time beside the longest of the page."""
    spans = [
        (kind, label, getattr(done, f"{kind}_ms"))
        for kind, label in PARTS
        if getattr(done, f"{kind}_ms") > 0
    ]
    # What the engine measured can be a little more than what was measured around it.
    whole = max(done.total_ms, sum(span for _, _, span in spans), 1e-9)
    width = max(_LEAST_WIDTH, 100 * done.total_ms / longest) if longest else _LEAST_WIDTH
    segments, start = [], 0.0
    for kind, _, span in (*spans, ("rest", "", whole - sum(span for _, _, span in spans))):
        segments.append(Segment(kind, round(start, 2), round(width * span / whole, 2)))
        start += width * span / whole
    words = ", ".join(f"{label.lower()} {span:.0f} ms" for _, label, span in spans)
    return Row(done=done, segments=tuple(segments), words=words or "no time was measured")


def _under_way(request: RequestState, now: float) -> Mapping[str, object]:
    return {
        "model": request.model,
        "phase": request.phase,
        "seconds": now - request.since,
        "prompt_tokens": request.prompt_tokens,
        "cached_tokens": request.cached_tokens,
        "completion_tokens": request.completion_tokens,
    }
