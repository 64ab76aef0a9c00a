"""The mark: a brazier and its fire, on a grid of 16 by 16, y downwards.

Five states that differ in shape, so that they are told apart without colour: the fire is out, low,
high, high with waves that go out from it, or an exclamation mark. Each is a row of paints, done in
order; `cut` takes away what lies below.
"""

from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]
Curve = tuple[Point, Point, Point]
"""Two control points and the end of a cubic Bezier curve; a line has them on it."""

Role = Literal["body", "faded", "fire", "wave", "alarm", "cut"]


@dataclass(frozen=True)
class Paint:
    """A closed outline in the colour of its role. Snapped ones keep their edges on whole pixels."""

    role: Role
    start: Point
    curves: tuple[Curve, ...]
    is_snapped: bool = False


def _lines(role: Role, *points: Point, is_snapped: bool = True) -> Paint:
    start, *rest = points
    return Paint(role, start, tuple((end, end, end) for end in rest), is_snapped)


def _circle(role: Role, x: float, y: float, radius: float) -> Paint:
    k = 0.5523 * radius
    left, right, top, bottom = x - radius, x + radius, y - radius, y + radius
    return Paint(
        role,
        (x, top),
        (
            ((x + k, top), (right, y - k), (right, y)),
            ((right, y + k), (x + k, bottom), (x, bottom)),
            ((x - k, bottom), (left, y + k), (left, y)),
            ((left, y - k), (x - k, top), (x, top)),
        ),
    )


def _brazier(role: Role) -> tuple[Paint, ...]:
    """A rim, a round bowl below it and a foot."""
    bowl = Paint(
        role,
        (2.0, 11.0),
        (
            ((14.0, 11.0),) * 3,
            ((14.0, 12.8), (12.4, 14.0), (10.0, 14.0)),
            ((6.0, 14.0),) * 3,
            ((3.6, 14.0), (2.0, 12.8), (2.0, 11.0)),
        ),
        is_snapped=True,
    )
    rim = _lines(role, (1, 10), (15, 10), (15, 11), (1, 11))
    stem = _lines(role, (7, 14), (9, 14), (9, 15), (7, 15))
    foot = _lines(role, (4, 15), (12, 15), (12, 16), (4, 16))
    return (rim, bowl, stem, foot)


def _flame(role: Role, *, top: float, width: float, bottom: float = 9.0) -> Paint:
    """A tongue of fire with its tip bent to the right; `width` is that of its belly."""
    half, height = width / 2, bottom - top
    return Paint(
        role,
        (8.0, bottom),
        (
            (
                (8.0 - half * 0.75, bottom),
                (8.0 - half, bottom - height * 0.16),
                (8.0 - half, bottom - height * 0.36),
            ),
            (
                (8.0 - half, bottom - height * 0.62),
                (8.0 - half * 0.1, bottom - height * 0.66),
                (8.0 + half * 0.12, top),
            ),
            (
                (8.0 + half * 0.75, bottom - height * 0.78),
                (8.0 + half, bottom - height * 0.6),
                (8.0 + half, bottom - height * 0.36),
            ),
            (
                (8.0 + half, bottom - height * 0.16),
                (8.0 + half * 0.75, bottom),
                (8.0, bottom),
            ),
        ),
    )


def _wave(side: int, *, reach: float) -> Paint:
    """An arc that opens towards the fire, 1.3 thick; `side` is -1 for the left, 1 for the right."""
    x, inner = 8.0 + side * reach, 8.0 + side * (reach - 1.3)
    bulge = side * 1.9
    return Paint(
        "wave",
        (x, 1.6),
        (
            ((x + bulge, 3.6), (x + bulge, 6.4), (x, 8.4)),
            ((inner, 7.7),) * 3,
            ((inner + bulge * 0.9, 6.0), (inner + bulge * 0.9, 4.0), (inner, 2.3)),
            ((x, 1.6),) * 3,
        ),
    )


MARKS: dict[str, tuple[Paint, ...]] = {
    "asleep": (*_brazier("faded"), _lines("cut", (4, 12), (12, 12), (11, 13), (5, 13))),
    "ready": (*_brazier("body"), _flame("fire", top=3.4, width=4.8)),
    "busy": (
        *_brazier("body"),
        _flame("fire", top=0.0, width=9.0),
        _flame("cut", top=4.4, width=3.4, bottom=8.2),
    ),
    "contributing": (
        *_brazier("body"),
        _flame("fire", top=2.6, width=4.8),
        _wave(-1, reach=5.2),
        _wave(1, reach=5.2),
    ),
    "attention": (
        *_brazier("body"),
        _lines("alarm", (7, 0), (9, 0), (9, 6), (7, 6)),
        _lines("alarm", (7, 7), (9, 7), (9, 9), (7, 9)),
    ),
}
"""Each state's name, as the tray knows it, and how it is painted."""

COLOURS: dict[str, dict[str, str]] = {
    "dark": {
        "body": "#f5f1ea", "faded": "#a8a29a", "fire": "#ff9d42", "wave": "#6fd3a8",
        "alarm": "#f7b500",
    },
    "light": {
        "body": "#35302a", "faded": "#7a736b", "fire": "#d9580c", "wave": "#16805a",
        "alarm": "#d42320",
    },
    "mask": {
        "body": "#000000", "faded": "#00000099", "fire": "#000000", "wave": "#000000",
        "alarm": "#000000",
    },
}  # fmt: skip
"""For dark bars, for light ones, and for bars that colour the shape themselves."""

APP_COLOURS = {"ground": "#241f1b", "body": "#f5f1ea", "fire": "#ff9d42"}
"""Of the program's own icon: the fire is high, on a dark ground."""
