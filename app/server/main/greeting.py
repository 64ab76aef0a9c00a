"""Greeting: what the owner is told once the server answers.

A face shows it: the banner of `athanor serve`, or one line of JSON. So the log keeps its own line
off a terminal.
"""

import contextlib
import logging
from collections.abc import Callable
from typing import Final, final

import msgspec

from app.core.base.errors import ModelFileInvalid, ModelNotFound
from app.core.base.ids import ModelName
from app.observe.logging import TOLD
from app.server.main.listening import Listening
from app.server.node.hub import Hub
from app.server.node.shelf import Shelf
from app.settings.schema import Settings

log = logging.getLogger(__name__)

_HEADERS_READ_MAX: Final = 16
"""Models looked at for an example: most libraries begin with one that can chat."""


@final
class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server answers, and with what."""

    addresses: tuple[str, ...]
    """Base URLs of the API, the plainest first."""
    models: int
    """How many are offered."""
    example: str
    """A model that a first chat may name; "" where there is none."""
    demonstration: str
    """The name of the model that comes with the program while that is the only one; else ""."""


OnReady = Callable[[Greeting], None]
"""Called once connections are accepted."""


async def greet(listening: Listening, hub: Hub, shelf: Shelf, settings: Settings) -> Greeting:
    """What to tell, with its line in the log."""
    wished_port, default = settings.server.port, settings.models.default
    addresses = listening.base_urls()
    if wished_port and listening.port != wished_port:
        message = "port %d is taken; serving on port %d instead"
        log.warning(message, wished_port, listening.port, extra=TOLD)
    log.info("serving", extra={"at": " ".join(addresses), **TOLD})
    listed = [model for model in hub.state.models.values() if model.is_listed]
    names = sorted(model.name for model in listed)
    return Greeting(
        addresses=addresses,
        models=len(listed),
        example=await _chatting(shelf, [*([ModelName(default)] if default else []), *names]),
        demonstration=next((model.name for model in listed if model.is_demonstration), ""),
    )


async def _chatting(shelf: Shelf, names: list[ModelName]) -> str:
    """The first that can chat; "" where none of the first few can."""
    for name in names[:_HEADERS_READ_MAX]:
        with contextlib.suppress(ModelNotFound, ModelFileInvalid):
            found = shelf.find(name)
            _, card = await shelf.read(found)
            if card.has_chat_template and not card.is_embedding:
                return found
    return ""
