"""Facts and rules for the tests of core/sharing, by hand and by chance."""

from hypothesis import strategies as st

from app.core.sharing.facts import Facts, GpuFacts, Orders, Unknown
from app.core.sharing.hours import WEEK_MINUTES, Hours
from app.core.sharing.rules import MIB, Rules

GIB = 1024 * MIB
BLIND = Unknown(why="this system does not say")

CARD = GpuFacts(
    name="RTX",
    memory_total=12 * GIB,
    memory_free=4 * GIB,
    ours_bytes=6 * GIB,
    others_bytes=2 * GIB,
    others_growth_bytes=0,
    others_busy_percent=0.0,
    temperature_celsius=50.0,
)

CALM = Facts(
    seconds_since_input=3600.0,
    full_screen=False,
    exclusive_programs=(),
    on_battery=False,
    battery_percent=100.0,
    is_metered=False,
    gpus=(CARD,),
    seconds_since_start=3600.0,
)
"""A machine that nobody uses and of which all is known."""

LENDING = Rules(mode="idle", has_exclusive_list=True)


def known_or_not(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return values | st.just(BLIND)


gpus = st.builds(
    GpuFacts,
    name=st.just("RTX"),
    memory_total=st.just(12 * GIB),
    memory_free=known_or_not(st.sampled_from([0, 400 * MIB, 700 * MIB, 4 * GIB])),
    ours_bytes=st.sampled_from([0, 6 * GIB]),
    others_bytes=known_or_not(st.sampled_from([0, 2 * GIB])),
    others_growth_bytes=known_or_not(st.sampled_from([0, 200 * MIB, 2 * GIB])),
    others_busy_percent=known_or_not(st.sampled_from([0.0, 15.0, 90.0])),
    temperature_celsius=known_or_not(st.sampled_from([40.0, 80.0, 95.0])),
)

orders = st.builds(
    Orders,
    held_until=st.none() | st.sampled_from([5.0, 500.0, float("inf")]),
    snoozed_until=st.none() | st.sampled_from([5.0, 500.0]),
    is_finishing=st.booleans(),
)

facts = st.builds(
    Facts,
    seconds_since_input=known_or_not(st.sampled_from([0.0, 60.0, 400.0])),
    full_screen=known_or_not(st.booleans()),
    exclusive_programs=known_or_not(st.sampled_from([(), ("Game",)])),
    on_battery=known_or_not(st.booleans()),
    battery_percent=known_or_not(st.just(50.0)),
    is_metered=known_or_not(st.booleans()),
    gpus=st.lists(gpus, max_size=2).map(tuple),
    lost_gpus=st.sampled_from([(), ("RTX",)]),
    minute_of_week=st.integers(0, WEEK_MINUTES - 1),
    owner_requests=st.integers(0, 2),
    seconds_since_start=st.sampled_from([0.0, 100.0]),
    orders=orders,
)

rules = st.builds(
    Rules,
    mode=st.sampled_from(["off", "idle", "always"]),
    has_exclusive_list=st.booleans(),
    frees_on_full_screen=st.booleans(),
    frees_on_pressure=st.booleans(),
    refuses_while_paused=st.booleans(),
    lends_on_battery=st.booleans(),
    lends_on_metered=st.booleans(),
    hours=st.sampled_from([Hours(), Hours.of(["mon-fri 22:00-07:00"])]),
)

waits = st.sampled_from([0.1, 1.0, 4.0, 11.0, 70.0, 400.0])
"""Seconds between two looks."""

stories = st.lists(st.tuples(waits, facts), min_size=1, max_size=12)
