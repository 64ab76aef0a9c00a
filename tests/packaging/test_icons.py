"""Laws of the icons: drawn from one description, told apart without colour, seen on every bar."""

import io
import itertools
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from app.settings.assets import assets_folder
from app.tray.icons import SIZES, icon_file, icon_image, icon_pixels

MARKS = ("asleep", "ready", "busy", "contributing", "attention")
BARS = ("light", "dark", "mask")
GROUNDS = {"light": "#f2f2f2", "dark": "#202124"}
SCRIPT = Path(__file__).parents[2] / "packaging" / "icons" / "draw.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """The program that draws."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        return runpy.run_path(str(SCRIPT))
    finally:
        sys.path.remove(str(SCRIPT.parent))


@pytest.fixture(scope="module")
def drawn(script: dict[str, Any]) -> Callable[[str, str, int], Image.Image]:
    """What draws a mark."""
    return script["draw_mark"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("bar", BARS)
def test_the_icons_are_those_that_their_description_draws(
    bar: str, drawn: Callable[[str, str, int], Image.Image]
) -> None:
    for mark, size in itertools.product(MARKS, SIZES):
        kept = icon_image(mark, bar, size)
        difference = ImageChops.difference(kept, drawn(mark, bar, size))

        assert kept.size == (size, size)
        # Versions of Pillow round a pixel at an edge differently.
        assert max(ImageStat.Stat(difference).mean) < 1, (mark, size)


@pytest.mark.parametrize("size", SIZES)
def test_the_five_states_differ_in_shape_and_not_in_colour_alone(size: int) -> None:
    shapes = {mark: icon_image(mark, "mask", size).getchannel("A") for mark in MARKS}

    for one, other in itertools.combinations(MARKS, 2):
        difference = ImageChops.difference(shapes[one], shapes[other])
        changed = sum(difference.point(lambda value: value > 96).tobytes())

        assert changed >= size * size * 0.04, (one, other)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("bar", ["light", "dark"])
def test_a_state_is_seen_on_either_bar_also_where_the_bar_was_guessed_wrong(
    bar: str, ground: str
) -> None:
    for mark in MARKS:
        icon = icon_image(mark, bar, 32)
        shown = Image.new("RGBA", icon.size, GROUNDS[ground])
        below = shown.copy()
        shown.alpha_composite(icon)
        difference = ImageChops.difference(shown, below).convert("L")

        assert sum(difference.point(lambda value: value > 48).tobytes()) >= 60, (mark, ground)


def test_pixels_for_the_bus_are_four_bytes_each_with_the_opacity_first() -> None:
    image = icon_image("ready", "dark", 16)
    pixels = icon_pixels("ready", "dark")[0]

    red, green, blue, alpha = image.getpixel((8, 11))  # type: ignore[misc]
    at = (11 * 16 + 8) * 4
    assert (pixels.width, pixels.height, len(pixels.argb)) == (16, 16, 16 * 16 * 4)
    assert tuple(pixels.argb[at : at + 4]) == (alpha, red, green, blue)


def test_every_state_has_its_icon_for_every_bar_and_size() -> None:
    missing = [
        (mark, bar, size)
        for mark, bar, size in itertools.product(MARKS, BARS, SIZES)
        if not icon_file(mark, bar, size).is_file()
    ]

    assert not missing


@pytest.mark.parametrize(("kind", "sizes"), [("ico", "ICO_SIZES"), ("icns", "ICNS_SIZES")])
def test_each_size_of_the_programs_icon_is_drawn_and_not_scaled(
    kind: str, sizes: str, script: dict[str, Any]
) -> None:
    for size in script[sizes]:
        with Image.open(assets_folder() / "icons" / f"athanor.{kind}") as icon:
            # Apple's icons name a size in points and how many pixels a point has.
            places = [s for s in icon.info["sizes"] if s[0] * (*s, 1)[2] == size]
            found = [getattr(icon, kind).getimage(place).convert("RGBA") for place in places]
        drawn = script["draw_app_icon"](size)

        assert found
        for each in found:
            assert max(ImageStat.Stat(ImageChops.difference(each, drawn)).mean) < 1, size


def test_the_programs_own_icon_is_there_for_each_system() -> None:
    folder = assets_folder() / "icons"

    with Image.open(folder / "athanor.ico") as icon:
        assert {(16, 16), (32, 32), (256, 256)} <= set(icon.info["sizes"])
    with Image.open(folder / "athanor.icns") as icon:
        assert max(size[0] * size[2] for size in icon.info["sizes"]) >= 1024
        assert {(16, 16, 1), (32, 32, 1)} <= set(icon.info["sizes"]), "for a screen of few pixels"
    for size in (256, 512):
        with Image.open(folder / f"athanor-{size}.png") as icon:
            assert icon.size == (size, size)
    assert (folder / "athanor.svg").read_text().startswith("<svg")


def test_runs_of_colour_are_read_again_as_they_were(script: dict[str, Any]) -> None:
    noise = Image.frombytes("RGBA", (16, 16), bytes(value * 37 % 251 for value in range(1024)))
    plain = Image.new("RGBA", (32, 32), (1, 2, 3, 4))
    others = {size: Image.new("RGBA", (size, size)) for size in script["ICNS_SIZES"]}

    file = io.BytesIO(script["icns"](lambda size: {**others, 16: noise, 32: plain}[size]))

    with Image.open(file) as icon:
        for place, drawn in (((16, 16, 1), noise), ((32, 32, 1), plain)):
            found = icon.icns.getimage(place).convert("RGBA")
            assert found.tobytes() == drawn.tobytes()
