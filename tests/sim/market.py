"""The market: what is offered to whom at which price."""

from typing import Protocol

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Micros
from app.core.ledger.pricing import Prices, Shares
from app.core.pool.eligibility import Offering
from app.core.pool.jobs.job import Candidate
from app.wire.pool import Register
from tests.sim import words

PRICES = Prices(input=Micros(700_000), cached_input=Micros(100_000), output=Micros(2_900_000))
SHARES = Shares(worker=80, fee=15, fund=5)
PARAMETERS = 10**9


class Roster(Protocol):
    """What the host knows of its nodes."""

    accounts: dict[DeviceId, AccountId]
    models: dict[DeviceId, Register]
    lending: dict[DeviceId, bool]
    running: dict[DeviceId, set[tuple[JobId, int]]]


def offerings(host: Roster, account: AccountId) -> list[Offering]:
    """Everything that is offered, as that account sees it."""
    return [
        Offering(
            worker=device,
            account=host.accounts[device],
            name=device[:6],
            sha256=model.sha256,
            relation="own" if host.accounts[device] == account else "anyone",
            takes=register.circle,
            context=model.context,
            slots=model.slots,
            running=len(host.running.get(device, ())),
            parameters=model.parameters,
            quantisation=model.quantisation,
            is_lending=host.lending.get(device, False),
            is_loaded=model.is_loaded,
        )
        for device, register in host.models.items()
        for model in register.models
    ]


def candidate(key: int) -> Candidate:
    """The one content that the simulated pool serves."""
    return Candidate(
        sha256=words.SHA256,
        prices=PRICES,
        prompt_tokens=words.prompt_tokens(key),
        context=100_000,
    )
