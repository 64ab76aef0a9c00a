"""Icons: the tray's five marks as images, for the sizes and bars that there are.

The files are drawn by packaging/icons from one description; `light` is the set for light bars,
`dark` the one for dark bars, `mask` is for bars that colour it themselves (macOS).
"""

from functools import cache
from pathlib import Path
from typing import Final, Literal, final

import msgspec
from PIL import Image

from app.settings.assets import assets_folder

Bar = Literal["light", "dark", "mask"]

SIZES: Final = (16, 22, 24, 32, 48, 64)
"""In pixels; every one is drawn for itself, none is scaled."""


@final
class Pixels(msgspec.Struct, frozen=True, kw_only=True):
    """One image: `argb` has four bytes a pixel, row by row from the top."""

    width: int
    height: int
    argb: bytes


def icon_file(mark: str, bar: Bar, size: int) -> Path:
    """Where the icon lies."""
    return assets_folder() / "icons" / "tray" / bar / f"{mark}-{size}.png"


@cache
def icon_image(mark: str, bar: Bar, size: int) -> Image.Image:
    """The icon, RGBA. Raises: OSError where the installation is broken."""
    with Image.open(icon_file(mark, bar, size)) as image:
        return image.convert("RGBA")


@cache
def icon_pixels(mark: str, bar: Bar) -> tuple[Pixels, ...]:
    """The icon in all sizes, smallest first. Raises: OSError where the installation is broken."""
    return tuple(_pixels(icon_image(mark, bar, size)) for size in SIZES)


def _pixels(image: Image.Image) -> Pixels:
    red, green, blue, alpha = image.split()
    argb = Image.merge("RGBA", (alpha, red, green, blue)).tobytes()
    return Pixels(width=image.width, height=image.height, argb=argb)
