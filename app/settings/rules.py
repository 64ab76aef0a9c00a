"""The rules of core/sharing, as the owner's settings say them."""

from app.core.sharing.hours import Hours
from app.core.sharing.rules import Rules
from app.settings.schema import Settings


def rules_of(settings: Settings) -> Rules:
    """The sections `neighbour` and `sharing`, in the policy's terms."""
    neighbour, sharing = settings.neighbour, settings.sharing
    return Rules(
        frees_on_full_screen=neighbour.free_on_full_screen,
        frees_on_pressure=neighbour.free_on_memory_pressure,
        refuses_while_paused=neighbour.requests_while_paused == "refuse",
        has_exclusive_list=any(name.strip() for name in neighbour.exclusive_programs),
        mode=sharing.mode,
        hours=Hours.of(sharing.hours),
        idle_seconds=60.0 * sharing.idle_minutes,
        lends_on_battery=sharing.on_battery,
        initial_delay_seconds=sharing.start_delay_seconds,
        lends_on_metered=sharing.on_metered_network,
        temperature_max=sharing.temperature_max,
        busy_percent_max=sharing.other_use_percent_max,
        # Half of it, so that the two thresholds stay apart; nothing is below nothing.
        busy_percent_low=sharing.other_use_percent_max / 2,
    )
