"""The chunk that rides along is what fits a quarter of a second."""

from app.core.scheduling.pace import CHUNK_MIN, RIDE_SECONDS, Pace


def test_nothing_is_bounded_before_anything_was_measured() -> None:
    assert Pace().chunk() is None


def test_the_chunk_is_what_the_speed_allows() -> None:
    pace = Pace()
    pace.observe(1000, 1.0)

    assert pace.chunk() == int(1000 * RIDE_SECONDS)


def test_decode_steps_do_not_count_as_prefill_speed() -> None:
    pace = Pace()
    pace.observe(1000, 1.0)
    pace.observe(8, 10.0)

    assert pace.chunk() == int(1000 * RIDE_SECONDS)


def test_a_slow_machine_still_gets_on() -> None:
    pace = Pace()
    pace.observe(20, 60.0)

    assert pace.chunk() == CHUNK_MIN
