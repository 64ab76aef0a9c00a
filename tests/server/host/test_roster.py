"""Laws of the roster: what a machine says of itself is shown; what decides is seen or listed."""

import msgspec
import pytest

from app.core.base.ids import AccountId, DeviceId, ModelName
from app.core.base.units import Micros, Microseconds
from app.core.models.plan import LoadPlan
from app.core.pool.dispatch import decide
from app.core.pool.eligibility import Offering
from app.core.pool.jobs.effects import Observe
from app.core.pool.speeds import Speeds
from app.core.pool.standing import Standing
from app.core.pool.wishes import RouteWishes
from app.server.host.offers import Offered
from app.server.host.roster import Roster
from app.wire.model import ModelFacts
from app.wire.pool import Heartbeat, OfferedModel, Register
from tests.core.pool.choosing import find, seen
from tests.core.pool.jobs.play import PRICES, SHA256, START

HONEST, BOASTER, CALLER = DeviceId("honest"), DeviceId("boaster"), AccountId("caller")
LISTED = Offered(
    sha256=SHA256,
    name=ModelName("m"),
    prices=PRICES,
    quantisation="Q4_K_M",
    facts=ModelFacts(
        architecture="llama",
        description="",
        parameters=8 * 10**9,
        size_bytes=5 * 10**9,
        vocabulary=32_000,
        vocabulary_type=0,
        embedding_length=4096,
        context_trained=4096,
        layers=32,
        plan=LoadPlan(context=4096, cells=4096),
        can_trim=True,
        capabilities=("completion",),
    ),
)
PLAIN = OfferedModel(
    sha256=SHA256,
    name="m",
    architecture="llama",
    parameters=8 * 10**9,
    quantisation="Q4_K_M",
    context=4096,
    slots=4,
    is_loaded=True,
)
GRAND = msgspec.structs.replace(PLAIN, parameters=1, quantisation="F32", slots=10**9)


def roster() -> Roster:
    """A host that lists one model, and two machines that are there and lend."""
    found = Roster(
        circle=lambda _, __: "anyone",
        is_reachable=lambda _: True,
        listed=lambda sha256: LISTED if sha256 == SHA256 else None,
        now=lambda: START,
    )
    for device in (HONEST, BOASTER):
        found.joined(device, AccountId(f"owner of {device}"), device, program="1.0")
        found.heard(device, Heartbeat(is_lending=True))
    found.registered(HONEST, Register(models=(PLAIN,), circle="anyone", runtime="0.3.36 cuda"))
    return found


def boasting(found: Roster, *models: OfferedModel) -> None:
    """A machine whose owner says that it is the best that there is, of the newest version."""
    found.registered(
        BOASTER,
        Register(
            models=models,
            circle="anyone",
            runtime="99.9 certified",
            gpu="8 x B200",
            gpu_memory_bytes=2**50,
        ),
    )


def chosen(found: Roster, draw: int, speeds: Speeds | None = None, **wanted: object) -> str:
    """Who gets a job."""
    placement = decide(
        find(**wanted),  # type: ignore[arg-type]
        found.offerings(CALLER, SHA256),
        speeds=speeds or Speeds(),
        standing=Standing(),
        now=Microseconds(START),
        draw=draw,
    ).placement
    return "" if placement is None else placement.worker


def test_a_machine_that_boasts_gets_no_more_jobs_than_one_that_does_not() -> None:
    found = roster()
    boasting(found, GRAND)

    draws = [chosen(found, draw) for draw in range(200)]

    assert 60 < draws.count(HONEST) < 140


def test_of_a_boaster_and_a_plain_machine_the_one_that_was_seen_to_be_faster_is_asked() -> None:
    found, speeds = roster(), Speeds()
    boasting(found, GRAND)
    slow: Observe = seen(BOASTER, decode_milliseconds=9000.0)
    for one in (slow, seen(HONEST)):
        speeds.observe(one, LISTED.facts.parameters)

    assert {chosen(found, draw, speeds) for draw in range(50)} == {HONEST}


def test_what_a_machine_says_of_a_content_is_not_believed_where_the_list_says_otherwise() -> None:
    found = roster()
    boasting(found, GRAND)

    offerings: dict[str, Offering] = {one.worker: one for one in found.offerings(CALLER, SHA256)}

    said = offerings[BOASTER]
    assert (said.parameters, said.quantisation) == (8 * 10**9, "Q4_K_M")
    assert said.slots <= 256
    assert chosen(found, 0, wishes=RouteWishes(quantisation_min="Q8_0")) == ""


@pytest.mark.parametrize("name", ["m", "another"])
def test_a_content_that_is_not_on_the_list_is_asked_of_nobody_whatever_it_is_called(
    name: str,
) -> None:
    found = roster()

    boasting(found, msgspec.structs.replace(PLAIN, sha256="cd" * 32, name=name))

    assert {chosen(found, draw) for draw in range(50)} == {HONEST}
    assert found.contents() == (SHA256,)


def test_a_price_that_a_machine_calls_out_pays_it_no_more() -> None:
    found = roster()

    boasting(found, msgspec.structs.replace(PLAIN, price_floor=Micros(10**12)))

    assert {chosen(found, draw) for draw in range(50)} == {HONEST}


def test_a_context_that_a_machine_boasts_of_is_promised_to_nobody() -> None:
    found = roster()

    boasting(found, msgspec.structs.replace(PLAIN, context=2**62))

    assert found.context_of(SHA256) == 4096
    assert found.context_of("cd" * 32) == 0
