"""Laws of watching: soon after a change, ever more seldom without one, never at a great cost."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.models.watching import (
    PAUSE_SECONDS_LEAST,
    PAUSE_SECONDS_MOST,
    SHARE_MOST,
    next_pause,
)

pauses = st.floats(PAUSE_SECONDS_LEAST, PAUSE_SECONDS_MOST)
looks = st.floats(0, 30)


@given(pause=pauses, look_seconds=looks, has_changed=st.booleans())
def test_looking_takes_no_more_than_its_share(
    pause: float, look_seconds: float, has_changed: bool
) -> None:
    following = next_pause(pause, has_changed=has_changed, look_seconds=look_seconds)

    assert look_seconds <= SHARE_MOST * following * 1.000001
    assert following >= PAUSE_SECONDS_LEAST


@given(pause=pauses)
def test_a_change_makes_it_look_again_soon(pause: float) -> None:
    assert next_pause(pause, has_changed=True, look_seconds=0) == PAUSE_SECONDS_LEAST


@given(pause=pauses)
def test_without_a_change_it_waits_longer_each_time_up_to_the_most(pause: float) -> None:
    following = next_pause(pause, has_changed=False, look_seconds=0)

    assert following == min(2 * pause, PAUSE_SECONDS_MOST) >= pause
