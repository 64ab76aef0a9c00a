"""The picture beside the installer's first and last page: the program's icon on its own ground.

NSIS wants a bitmap of 164 by 314 pixels. It is drawn from the .ico when the installer is made, so
that the icon is drawn in one place; by the standard library alone, since an installer is made where
nothing else is installed. Pure.
"""

import struct
import zlib
from typing import Final

WIDTH: Final = 164
HEIGHT: Final = 314
GROUND: Final = (0x24, 0x1F, 0x1B)
"""Of the icon (packaging/icons/mark.py), whose edges so are not seen."""
_ICON_PIXELS: Final = 128
_ICON_TOP: Final = 60
_BYTES: Final = 4
"""Of a pixel of the icon: red, green, blue, opacity."""

Row = bytes


def side_picture(icon_file: bytes) -> bytes:
    """A .bmp, 24 bits a pixel, of an .ico whose 128 pixels are a PNG. Raises: ValueError."""
    icon = _rows_of_png(_png_of_ico(icon_file))
    left = (WIDTH - _ICON_PIXELS) // 2
    plain = bytes(reversed(GROUND)) * WIDTH
    rows = [plain] * HEIGHT
    for number, row in enumerate(icon):
        pixels = b"".join(_over_ground(row[at : at + _BYTES]) for at in range(0, len(row), _BYTES))
        rows[_ICON_TOP + number] = plain[: left * 3] + pixels + plain[left * 3 + len(pixels) :]
    # Windows' bitmaps begin with the lowest row, and 492 bytes are a multiple of four.
    body = b"".join(reversed(rows))
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 24, 0, len(body), 3780, 3780, 0, 0)
    start = 14 + len(header)
    return struct.pack("<2sIII", b"BM", start + len(body), 0, start) + header + body


def _over_ground(pixel: bytes) -> bytes:
    """Blue, green, red."""
    opacity = pixel[3]
    mixed = (
        (colour * opacity + ground * (255 - opacity) + 127) // 255
        for colour, ground in zip(pixel[:3], GROUND, strict=True)
    )
    return bytes(reversed(tuple(mixed)))


def _png_of_ico(icon_file: bytes) -> bytes:
    _, _, count = struct.unpack_from("<HHH", icon_file)
    for number in range(count):
        width, *_, size, offset = struct.unpack_from("<BBBBHHII", icon_file, 6 + 16 * number)
        if width == _ICON_PIXELS:
            return icon_file[offset : offset + size]
    raise ValueError(f"the icon has no picture of {_ICON_PIXELS} pixels")


def _rows_of_png(png: bytes) -> list[Row]:
    """Its rows, four bytes a pixel. Source: PNG, third edition, W3C, section 9."""
    header, packed, at = b"", b"", 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        chunk = png[at + 8 : at + 8 + length]
        header = chunk if kind == b"IHDR" else header
        packed += chunk if kind == b"IDAT" else b""
        at += 12 + length
    width, height, depth, colours, *_, interlaced = struct.unpack(">IIBBBBB", header)
    if (width, height, depth, colours, interlaced) != (_ICON_PIXELS, _ICON_PIXELS, 8, 6, 0):
        raise ValueError("the icon's picture is no plain PNG with opacity")
    flat, stride = zlib.decompress(packed), width * _BYTES
    rows: list[Row] = []
    above = bytes(stride)
    for start in range(0, len(flat), stride + 1):
        above = _unfiltered(flat[start], flat[start + 1 : start + 1 + stride], above)
        rows.append(above)
    return rows


def _unfiltered(kind: int, row: bytes, above: Row) -> Row:
    done = bytearray(len(row))
    for at, byte in enumerate(row):
        left, corner = (done[at - _BYTES], above[at - _BYTES]) if at >= _BYTES else (0, 0)
        up = above[at]
        guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        done[at] = (byte + guess) & 0xFF
    return bytes(done)


def _paeth(left: int, up: int, corner: int) -> int:
    """Whichever of the three is nearest to what they make together; the first, where two are."""
    whole = left + up - corner
    return min((left, up, corner), key=lambda each: abs(whole - each))
