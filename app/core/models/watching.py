"""Watching: how long to wait before looking at the folders again.

Soon after something changed, since files come in numbers; ever later while nothing does. A look
that took long, at thousands of files or a slow disk, is made so seldom that looking costs next to
nothing.
"""

from typing import Final

PAUSE_SECONDS_LEAST: Final = 2.0
PAUSE_SECONDS_MOST: Final = 60.0
"""Whoever asks for the list of models has them looked at sooner."""

SHARE_MOST: Final = 0.01
"""Of the time that may be spent with looking."""


def next_pause(pause: float, *, has_changed: bool, look_seconds: float) -> float:
    """Seconds until the next look, after one that took `look_seconds` and followed `pause`."""
    patient = PAUSE_SECONDS_LEAST if has_changed else min(2 * pause, PAUSE_SECONDS_MOST)
    return max(patient, look_seconds / SHARE_MOST)
