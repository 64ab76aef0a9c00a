"""The picture beside Setup's first and last page, as Pillow reads it and would paint it."""

import io

from PIL import Image, ImageChops

from tests.packaging.installers.support import ROOT

from windows.side_picture import (  # isort: skip  # of packaging/, which support.py makes known
    GROUND,
    HEIGHT,
    WIDTH,
    side_picture,
)

ICON = ROOT / "assets" / "icons" / "athanor.ico"
ICON_BOX = (18, 60, 146, 188)


def made() -> Image.Image:
    """The picture, read."""
    return Image.open(io.BytesIO(side_picture(ICON.read_bytes())))


def test_the_picture_is_the_icon_on_its_own_ground() -> None:
    icon = Image.open(ICON)
    icon.size = (128, 128)
    painted = Image.new("RGBA", (WIDTH, HEIGHT), (*GROUND, 255))
    painted.alpha_composite(icon.convert("RGBA"), ICON_BOX[:2])

    picture = made()

    assert picture.size == (WIDTH, HEIGHT)
    difference = ImageChops.difference(picture.convert("RGB"), painted.convert("RGB"))
    assert max(highest for _, highest in difference.getextrema()) <= 1, "rounding alone"


def test_it_is_not_plain() -> None:
    colours = made().crop(ICON_BOX).getcolors(1 << 16)

    assert colours is not None
    assert len(colours) > 20
