"""Rates: what a caller's limits leave, in the headers that OpenAI's clients know."""

from app.core.base.units import SECOND, Microseconds
from app.core.pool.limits import Room
from app.server.web.errors import Headers


def rate_headers(*, requests: Room | None, tokens: Room | None) -> Headers:
    """`x-ratelimit-*`: the most, what is left, and when all of it is; none without a limit.

    Source: https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
    """
    return [
        (f"x-ratelimit-{what}-{measure}".encode(), text.encode())
        for measure, room in (("requests", requests), ("tokens", tokens))
        if room is not None
        for what, text in (
            ("limit", str(room.amount)),
            ("remaining", str(room.left)),
            ("reset", _length(room.whole_in)),
        )
    ]


def _length(time: Microseconds) -> str:
    """As Go writes it, in whole seconds: "1h0m7s"."""
    minutes, seconds = divmod(-(-time // SECOND), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
