"""Signs: what each fact says for or against its reason, by the thresholds of the rules.

    over      the condition holds
    between   neither: whatever held before goes on
    under     the condition does not hold

Law: a worse fact never gives a lower sign. Where a fact is unknown the function here says which
sign that is; `over` where harm could come of a wrong guess.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal, final

import msgspec

from app.core.sharing.facts import Facts, GpuFacts, Unknown
from app.core.sharing.hours import WEEK_MINUTES, clock_words
from app.core.sharing.rules import Rules

Sign = Literal["under", "between", "over"]

_ORDER: Final[dict[Sign, int]] = {"under": 0, "between": 1, "over": 2}


@final
class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A sign and what a person would want to know of it."""

    sign: Sign
    detail: str = ""
    unknown: str = ""
    seconds_left: float | None = None
    """Until the condition ends by itself, where that is known."""


Read = Callable[[Facts, Rules, float], Reading]
"""Of the facts, by the rules, now."""

UNDER: Final = Reading(sign="under")
OVER: Final = Reading(sign="over")


def _if(holds: bool) -> Reading:
    return OVER if holds else UNDER


def _not_known(why: Unknown) -> Reading:
    return Reading(sign="over", unknown=why.why)


# --- memory ---


def ordered_free(facts: Facts, _: Rules, now: float) -> Reading:
    """The owner ordered GPU memory free, and the hold after it lasts."""
    return _until(facts.orders.held_until, now)


def exclusive_program(facts: Facts, rules: Rules, _: float) -> Reading:
    """A program of the owner's list runs. Unknown counts as running, if there is a list."""
    programs = facts.exclusive_programs
    if not rules.has_exclusive_list:
        return UNDER
    if isinstance(programs, Unknown):
        return _not_known(programs)
    return Reading(sign="over", detail=", ".join(programs)) if programs else UNDER


def exclusive_program_seen(facts: Facts, rules: Rules, now: float) -> Reading:
    """The same for memory, where not to know is no reason to end what the owner uses."""
    reading = exclusive_program(facts, rules, now)
    return UNDER if reading.unknown else reading


def full_screen_frees(facts: Facts, rules: Rules, _: float) -> Reading:
    """A full-screen program, if the owner wants memory freed for it; unknown is none."""
    return _if(rules.frees_on_full_screen and facts.full_screen is True)


def pressure_frees(facts: Facts, rules: Rules, now: float) -> Reading:
    """Pressure on a GPU that we use, if the owner wants memory freed for it."""
    return pressure(facts, rules, now) if rules.frees_on_pressure else UNDER


def pressure(facts: Facts, rules: Rules, _: float) -> Reading:
    """Others have grown on a GPU of ours until little is left; unknown is no pressure."""
    return _worst([_pressure_on(gpu, rules) for gpu in facts.gpus])


def _pressure_on(gpu: GpuFacts, rules: Rules) -> Reading:
    free, growth = gpu.memory_free, gpu.others_growth_bytes
    if not gpu.ours_bytes or isinstance(free, Unknown) or isinstance(growth, Unknown):
        return UNDER
    if free < rules.pressure_free_bytes and growth >= rules.pressure_growth_bytes:
        return Reading(sign="over", detail=gpu.name)
    if free < 2 * rules.pressure_free_bytes and 2 * growth >= rules.pressure_growth_bytes:
        return Reading(sign="between", detail=gpu.name)
    return UNDER


# --- lending ---


def lending_off(_: Facts, rules: Rules, __: float) -> Reading:
    """The owner lends nothing."""
    return _if(rules.mode == "off")


def snoozed(facts: Facts, _: Rules, now: float) -> Reading:
    """The owner wants none of it for a while, at once."""
    if facts.orders.is_finishing:
        return UNDER
    return _until(facts.orders.snoozed_until, now)


def finishing(facts: Facts, _: Rules, now: float) -> Reading:
    """The same, after the jobs under way."""
    return _until(facts.orders.snoozed_until, now) if facts.orders.is_finishing else UNDER


def gpu_lost(facts: Facts, _: Rules, __: float) -> Reading:
    """A GPU is gone."""
    return Reading(sign="over", detail=", ".join(facts.lost_gpus)) if facts.lost_gpus else UNDER


def just_started(facts: Facts, rules: Rules, _: float) -> Reading:
    """Facts need a moment to become true."""
    left = rules.initial_delay_seconds - facts.seconds_since_start
    return Reading(sign="over", seconds_left=left) if left > 0 else UNDER


def batteries(facts: Facts, rules: Rules, _: float) -> Reading:
    """On battery; unknown counts as that."""
    if rules.lends_on_battery:
        return UNDER
    if isinstance(facts.on_battery, Unknown):
        return _not_known(facts.on_battery)
    percent = facts.battery_percent
    detail = "" if isinstance(percent, Unknown) else f"{percent:.0f}%"
    return Reading(sign="over", detail=detail) if facts.on_battery else UNDER


def overheated(facts: Facts, rules: Rules, _: float) -> Reading:
    """A GPU is too warm. Unknown is not: every card slows itself down before harm."""
    warm = rules.temperature_max
    readings = []
    for gpu in facts.gpus:
        celsius = gpu.temperature_celsius
        if not isinstance(celsius, Unknown):
            sign: Sign = "over" if celsius > warm else "between"
            sign = "under" if celsius <= warm - rules.temperature_drop else sign
            readings.append(Reading(sign=sign, detail=f"{gpu.name}, {celsius:.0f} °C"))
    return _worst(readings)


def full_screen(facts: Facts, _: Rules, __: float) -> Reading:
    """A full-screen program; unknown is left to `gpu_usage`."""
    return _if(facts.full_screen is True)


def gpu_usage(facts: Facts, rules: Rules, _: float) -> Reading:
    """Others compute on a GPU.

    A game shows itself by the screen or by its use of the GPU. Where neither is known it would
    not be seen at all, a game with a gamepad not even by the keyboard: so that counts as use.
    """
    readings = [_use_of(gpu, rules) for gpu in facts.gpus]
    if isinstance(facts.full_screen, Unknown):
        busy = [gpu.others_busy_percent for gpu in facts.gpus]
        readings += [_not_known(percent) for percent in busy if isinstance(percent, Unknown)]
    return _worst(readings)


def _use_of(gpu: GpuFacts, rules: Rules) -> Reading:
    percent = gpu.others_busy_percent
    if isinstance(percent, Unknown) or percent <= rules.busy_percent_low:
        return UNDER
    sign: Sign = "over" if percent > rules.busy_percent_max else "between"
    return Reading(sign=sign, detail=f"{gpu.name}, {percent:.0f}%")


def user_active(facts: Facts, rules: Rules, _: float) -> Reading:
    """Somebody is at the machine, in the mode where that counts; unknown is somebody."""
    seconds = facts.seconds_since_input
    if rules.mode != "idle":
        return UNDER
    if isinstance(seconds, Unknown):
        return _not_known(seconds)
    if seconds >= rules.idle_seconds:
        return UNDER
    sign: Sign = "over" if seconds < rules.active_seconds else "between"
    return Reading(sign=sign, seconds_left=rules.idle_seconds - seconds)


def owner_requests(facts: Facts, rules: Rules, _: float) -> Reading:
    """The owner's own requests, in the mode that lends only what nobody uses."""
    return _if(rules.mode == "idle" and facts.owner_requests > 0)


def outside_hours(facts: Facts, rules: Rules, _: float) -> Reading:
    """Not in the owner's hours."""
    if rules.hours.allow(facts.minute_of_week):
        return UNDER
    opens = rules.hours.opens_at(facts.minute_of_week)
    minutes = (opens - facts.minute_of_week) % WEEK_MINUTES
    return Reading(sign="over", detail=clock_words(opens), seconds_left=60.0 * minutes)


def metered(facts: Facts, rules: Rules, _: float) -> Reading:
    """The network costs by volume. Unknown is not: most systems cannot tell."""
    return _if(not rules.lends_on_metered and facts.is_metered is True)


def _until(end: float | None, now: float) -> Reading:
    if end is None or end <= now:
        return UNDER
    return Reading(sign="over", seconds_left=None if end == float("inf") else end - now)


def _worst(readings: Sequence[Reading]) -> Reading:
    return max(readings, key=lambda reading: _ORDER[reading.sign], default=UNDER)
