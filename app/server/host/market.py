"""Market: what the pool can serve now, as an account sees it: for /v1/models and `Look`."""

import math
from collections.abc import Callable
from typing import Final, Literal, final

import msgspec

from app.core.base.ids import AccountId
from app.core.pool.dispatch import wait_seconds
from app.core.pool.wishes import CIRCLES, is_within
from app.server.host.dispatch import Dispatch
from app.server.host.offers import Offered, Offers
from app.server.host.roster import Roster
from app.wire.pool import Circle, Quote
from app.wire.pool import Market as MarketFrame

SEALING_MAX: Final = 64
"""Machines of one model whose keys are told."""


@final
class ModelNow(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the list, with those who offer it."""

    offered: Offered
    context: int
    workers: int
    lending: int
    wait_seconds: float
    """Infinite while nobody lends it."""
    nearest: Circle | Literal[""] = ""
    """The closest circle of those who lend it, as this account stands to them; "" for none."""
    sealing: dict[str, bytes] = {}
    """Device -> sealing card, of machines in this account's circle of friends that lend now."""


@final
class Market:
    """What can be had. Used by one event loop."""

    def __init__(self, roster: Roster, dispatch: Dispatch, offers: Callable[[], Offers]) -> None:
        self._roster, self._dispatch, self._offers = roster, dispatch, offers

    def models(self, account: AccountId) -> list[ModelNow]:
        """Every model on the list."""
        return [self._model(each, account) for each in self._offers().models]

    def frame(self, account: AccountId) -> MarketFrame:
        """The same for a member, of models that somebody offers."""
        quotes = [
            Quote(
                model=now.offered.name,
                sha256=now.offered.sha256,
                context=now.context,
                prices=(
                    now.offered.prices.input,
                    now.offered.prices.cached_input,
                    now.offered.prices.output,
                ),
                wait_seconds=-1.0 if math.isinf(now.wait_seconds) else now.wait_seconds,
                workers=now.workers,
                nearest=now.nearest,
                sealing=now.sealing,
            )
            for now in self.models(account)
            if now.workers
        ]
        return MarketFrame(quotes=tuple(quotes))

    def _model(self, offered: Offered, account: AccountId) -> ModelNow:
        contents = frozenset((offered.sha256,))
        offerings = self._roster.offerings(account, offered.sha256)
        queued = self._dispatch.queue.of_content(contents)
        cards = {
            machine.device: machine.sealing_card
            for one in offerings
            if is_within(one.relation, "friends")
            and one.can_seal
            # A request is sealed to one machine: one that takes no work could only refuse it.
            and one.is_lending
            and (machine := self._roster.get(one.worker)) is not None
        }
        return ModelNow(
            offered=offered,
            context=self._roster.context_of(offered.sha256) or offered.context,
            workers=len(offerings),
            nearest=min(
                (one.relation for one in offerings if one.is_lending),
                key=CIRCLES.index,
                default="",
            ),
            lending=sum(one.is_lending for one in offerings),
            wait_seconds=wait_seconds(offerings, queued, self._dispatch.speeds),
            sealing=dict(list(cards.items())[:SEALING_MAX]),
        )
