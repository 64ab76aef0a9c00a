"""Playground: a conversation with a model, in the page and nowhere else."""

from collections.abc import Mapping
from typing import Final, final

import msgspec
from litestar import get
from litestar.types import ASGIApp

from app.core.base.ids import ModelName
from app.core.models.card import ModelCard
from app.core.models.demonstration import DESCRIPTION, REMEDY
from app.core.state.engine_life import Ready, life_name
from app.core.state.node_state import ModelState
from app.server.web.body import ApiRequest
from app.server.web.dashboard.pages import PLAYGROUND, page_response
from app.server.web.services import Services, services_of
from app.wire.engine import Sampling

CARDS: Final = ("talkers",)

USUAL: Final = Sampling()

PARAMETERS: Final = (
    ("temperature", "Temperature", 0, 2, 0.05, USUAL.temperature),
    ("top_p", "Top P", 0, 1, 0.01, USUAL.top_p),
    ("top_k", "Top K", 0, None, 1, USUAL.top_k),
    ("min_p", "Min P", 0, 1, 0.01, USUAL.min_p),
    ("repeat_penalty", "Repeat penalty", 0, 2, 0.05, USUAL.repeat_penalty),
    ("max_tokens", "Most tokens", 1, None, 1, "no limit"),
    ("seed", "Seed", 0, 4294967295, 1, "random"),
)
"""Field of the API, label, least, most, step, usual value."""


@final
class Talker(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be talked to."""

    name: str
    status: str
    context: int
    """Tokens; 0 where it is not known before it is loaded."""
    is_demonstration: bool = False


@get(PLAYGROUND.path, include_in_schema=False)
async def playground(request: ApiRequest) -> ASGIApp:
    """The page; the answers come from the OpenAI API like anybody's."""
    services = services_of(request)
    talkers = talkers_of(services)
    wished = request.query_params.get("model", "")
    first = first_talker(talkers)
    chosen = next((each for each in talkers if each.name == wished), first)
    context = {
        "talkers": talkers,
        "chosen": chosen.name if chosen else "",
        "parameters": PARAMETERS,
        "demonstration_words": f"{DESCRIPTION} {REMEDY}",
    }
    return page_response(request, PLAYGROUND, context)


def values(services: Services) -> Mapping[str, object]:
    """The list of models now. Which is chosen is known to the page alone."""
    return {"talkers": talkers_of(services), "chosen": ""}


def talkers_of(services: Services) -> list[Talker]:
    """Every model of the library that is not for embeddings alone."""
    cards = services.library.cards()
    return [_talker(model, cards) for model in services.router.models() if _talks(model, cards)]


def _talks(model: ModelState, cards: Mapping[ModelName, ModelCard]) -> bool:
    card = cards.get(model.name)
    return card is None or not card.is_embedding


def _talker(model: ModelState, cards: Mapping[ModelName, ModelCard]) -> Talker:
    card = cards.get(model.name)
    context = card.context_trained if card else 0
    if isinstance(model.life, Ready):
        context = model.life.facts.context
    return Talker(
        name=model.name,
        status=life_name(model.life),
        context=context,
        is_demonstration=model.is_demonstration,
    )


def first_talker(talkers: list[Talker]) -> Talker | None:
    """The one that answers soonest."""
    ready = [each for each in talkers if each.status == "ready"]
    return next(iter(ready or talkers), None)
