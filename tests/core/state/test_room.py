"""Laws of making room: who goes, who never goes, and when nobody needs to."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.base.ids import ModelName
from app.core.state.room import Evict, Footprint, LoadNow, Resident, Wait, make_room

FREE = Footprint(device_bytes=10, host_bytes=10)


def resident(name: str, *, device: int = 4, leases: int = 0, used: float = 0.0) -> Resident:
    return Resident(
        name=ModelName(name),
        footprint=Footprint(device_bytes=device),
        leases=leases,
        last_used=used,
    )


def need(device: int) -> Footprint:
    return Footprint(device_bytes=device)


def test_what_fits_is_loaded_at_once() -> None:
    assert make_room(need(10), [resident("a")], free=FREE, loaded_max=4) == LoadNow()


def test_the_least_recently_used_goes_first_and_no_more_than_needed() -> None:
    residents = [resident("new", used=3.0), resident("old", used=1.0), resident("mid", used=2.0)]

    room = make_room(need(14), residents, free=FREE, loaded_max=4)

    assert room == Evict(names=(ModelName("old"),))


def test_a_full_house_evicts_though_memory_would_do() -> None:
    room = make_room(need(1), [resident("a", used=1.0), resident("b")], free=FREE, loaded_max=2)

    assert room == Evict(names=(ModelName("b"),))


def test_a_busy_engine_is_waited_for_and_not_ended() -> None:
    room = make_room(need(14), [resident("a", leases=1)], free=FREE, loaded_max=4)

    assert room == Wait(names=(ModelName("a"),))


def test_a_busy_engine_is_ended_when_forced_after_the_idle_ones() -> None:
    residents = [resident("busy", leases=2, used=0.0), resident("idle", used=9.0)]

    room = make_room(need(18), residents, free=FREE, loaded_max=4, force=True)

    assert room == Evict(names=(ModelName("idle"), ModelName("busy")))


def test_what_fits_nowhere_gets_the_whole_machine() -> None:
    room = make_room(need(99), [resident("a"), resident("b")], free=FREE, loaded_max=4)

    assert room == Evict(names=(ModelName("a"), ModelName("b")))
    assert make_room(need(99), [], free=FREE, loaded_max=4) == LoadNow()


_residents = st.lists(
    st.builds(
        resident,
        st.text("abcdef", min_size=1, max_size=3),
        device=st.integers(0, 20),
        leases=st.integers(0, 2),
        used=st.floats(0, 100),
    ),
    unique_by=lambda r: r.name,
    max_size=6,
)


@given(_residents, st.integers(0, 60), st.integers(1, 6), st.booleans())
def test_no_busy_engine_is_ever_evicted_unforced_and_acting_on_the_answer_settles_it(
    residents: list[Resident], wanted: int, loaded_max: int, force: bool
) -> None:
    room = make_room(need(wanted), residents, free=FREE, loaded_max=loaded_max, force=force)

    if isinstance(room, Wait):
        assert not force
        assert any(r.leases for r in residents)
    if not isinstance(room, Evict):
        return
    gone = {r.name: r for r in residents if r.name in room.names}
    assert force or not any(r.leases for r in gone.values())
    left = [r for r in residents if r.name not in gone]
    freed = Footprint(device_bytes=10 + sum(r.footprint.device_bytes for r in gone.values()))
    again = make_room(
        need(wanted),
        left,
        free=Footprint(device_bytes=freed.device_bytes, host_bytes=10),
        loaded_max=loaded_max,
        force=force,
    )
    assert again == LoadNow()
