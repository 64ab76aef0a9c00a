"""Draw the icons from their one description: `python packaging/icons/draw.py` writes assets/icons.

Every size is drawn for itself, sixteen times larger, and brought down; edges of the brazier are
put on whole pixels first. A test draws them again and compares.
"""

import math
import sys
from pathlib import Path

from icns import SIZES as SIZES_OF_ICNS
from icns import icns
from mark import APP_COLOURS, COLOURS, MARKS, Paint, Point
from PIL import Image, ImageChops, ImageDraw

ICONS = Path(__file__).resolve().parents[2] / "assets" / "icons"
GRID = 16
SIZES = (16, 22, 24, 32, 48, 64)
APP_SIZES = (256, 512)
ICO_SIZES = (16, 24, 32, 48, 64, 128, 256)
ICNS_SIZES = SIZES_OF_ICNS
FINE_PIXELS_MAX = 4096
"""An icon is painted sixteen times larger than it comes out, a large one no larger than this."""
CURVE_STEPS = 24

Colours = dict[str, str]


def draw_mark(name: str, bar: str, size: int) -> Image.Image:
    """One state for one kind of bar, RGBA, `size` pixels square."""
    return _painted(MARKS[name], COLOURS[bar], size=size, inset=0.0)


def draw_app_icon(size: int) -> Image.Image:
    """The program's icon: the high fire on a rounded ground."""
    large = Image.new("RGBA", (size * 4, size * 4))
    ImageDraw.Draw(large).rounded_rectangle(
        (0, 0, size * 4 - 1, size * 4 - 1), radius=size * 4 * 0.22, fill=APP_COLOURS["ground"]
    )
    ground = large.resize((size, size), Image.Resampling.BOX)
    mark = _painted(MARKS["busy"], APP_COLOURS, size=size, inset=0.19)
    return Image.alpha_composite(ground, mark)


def svg_of_app_icon() -> str:
    """The same as a drawing of lines."""
    scale = 512 * (1 - 2 * 0.19) / GRID
    shapes = [
        f'  <path fill="{APP_COLOURS["ground" if paint.role == "cut" else paint.role]}" '
        f'd="{_svg_path(paint)}"/>'
        for paint in MARKS["busy"]
    ]
    return "\n".join(
        (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512">',
            f' <rect width="512" height="512" rx="112.6" fill="{APP_COLOURS["ground"]}"/>',
            f' <g transform="translate({512 * 0.19:.2f} {512 * 0.19:.2f}) scale({scale:.3f})">',
            *shapes,
            " </g>",
            "</svg>\n",
        )
    )


def write_all(folder: Path) -> list[Path]:
    """Every file, new; their paths."""
    written = []
    for bar in COLOURS:
        (folder / "tray" / bar).mkdir(parents=True, exist_ok=True)
        for name in MARKS:
            for size in SIZES:
                file = folder / "tray" / bar / f"{name}-{size}.png"
                draw_mark(name, bar, size).save(file, optimize=True)
                written.append(file)
    for size in APP_SIZES:
        file = folder / f"athanor-{size}.png"
        draw_app_icon(size).save(file, optimize=True)
        written.append(file)
    # Each size is drawn: Pillow would else scale the largest one down.
    *small, largest = (draw_app_icon(size) for size in ICO_SIZES)
    largest.save(
        folder / "athanor.ico", sizes=[(size, size) for size in ICO_SIZES], append_images=small
    )
    (folder / "athanor.icns").write_bytes(icns(draw_app_icon))
    (folder / "athanor.svg").write_text(svg_of_app_icon())
    return [*written, *(folder / f"athanor.{kind}" for kind in ("ico", "icns", "svg"))]


def _painted(
    paints: tuple[Paint, ...], colours: Colours, *, size: int, inset: float
) -> Image.Image:
    """`inset` is the share of the icon that stays free on each side."""
    masks: dict[str, Image.Image] = {}
    fine = size * _fine(size)
    for paint in paints:
        shape = _filled(_outline(paint, size=size, inset=inset), fine)
        if paint.role == "cut":
            keep = ImageChops.invert(shape)
            masks = {role: ImageChops.multiply(mask, keep) for role, mask in masks.items()}
        else:
            before = masks.get(paint.role)
            masks[paint.role] = ImageChops.lighter(before, shape) if before else shape
    icon = Image.new("RGBA", (size, size))
    for role, mask in masks.items():
        colour = Image.new("RGBA", (size, size), colours[role])
        opacity = colour.getchannel("A")
        small = mask.resize((size, size), Image.Resampling.BOX)
        colour.putalpha(ImageChops.multiply(small, opacity))
        icon = Image.alpha_composite(icon, colour)
    return icon


def _fine(size: int) -> int:
    return min(16, FINE_PIXELS_MAX // size)


def _filled(outline: list[Point], size: int) -> Image.Image:
    """What the outline encloses, 255 there and 0 elsewhere."""
    shape = Image.new("L", (size + 1, size + 1))
    ImageDraw.Draw(shape).polygon(outline, fill=255)
    # Pillow fills the pixels below and right of the edges too: one is taken away again.
    return ImageChops.darker(shape, ImageChops.offset(shape, -1, -1)).crop((0, 0, size, size))


def _outline(paint: Paint, *, size: int, inset: float) -> list[Point]:
    """The outline on the large image, as straight lines."""

    def placed(point: Point) -> Point:
        x, y = (each * size / GRID for each in point)
        if paint.is_snapped and not inset:
            x, y = math.floor(x + 0.5), math.floor(y + 0.5)
        scale, move = _fine(size) * (1 - 2 * inset), size * _fine(size) * inset
        return (x * scale + move, y * scale + move)

    points, at = [placed(paint.start)], placed(paint.start)
    for curve in paint.curves:
        first, second, end = (placed(point) for point in curve)
        for step in range(1, CURVE_STEPS + 1):
            t = step / CURVE_STEPS
            a, b, c, d = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
            points.append(
                (
                    a * at[0] + b * first[0] + c * second[0] + d * end[0],
                    a * at[1] + b * first[1] + c * second[1] + d * end[1],
                )
            )
        at = end
    return points


def _svg_path(paint: Paint) -> str:
    words = [f"M{paint.start[0]:g} {paint.start[1]:g}"]
    words += [
        "C" + " ".join(f"{each[0]:g} {each[1]:g}" for each in (first, second, end))
        for first, second, end in paint.curves
    ]
    return " ".join([*words, "Z"])


if __name__ == "__main__":
    files = write_all(ICONS)
    sys.stdout.write(f"{len(files)} icons in {ICONS}\n")
