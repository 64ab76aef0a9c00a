"""Make a publisher's key: `python packaging/release/keys.py make ID FILE`.

The private half goes into FILE, which only its owner can read and which must lie outside of the
project; keep it offline, and a copy elsewhere. The public half goes into assets/release-keys.toml,
by which every copy of the program that is built from then on believes it. Two keys are kept, so
that one can be lost or replaced: sign with either. `address` and `packs` say where latest.json and
the list of runtime packs will lie.
"""

import argparse
import os
import secrets
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from msgspec.structs import replace  # noqa: E402  # after the path

from app.core.release.keys import Publisher, ReleaseKey, publisher_of  # noqa: E402
from app.server.identity import primitives  # noqa: E402

KEYS_FILE: Final = ROOT / "assets" / "release-keys.toml"
KEYS_MAX: Final = 2
TITLE: Final = "athanor release key 1"


class Refused(Exception):
    """What is wrong, for a person."""


def main(words: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, default=KEYS_FILE, help="of the public halves")
    orders = parser.add_subparsers(dest="order", required=True)
    make = orders.add_parser("make", help="make a key")
    make.add_argument("id", help="such as 2026-a")
    make.add_argument("private", type=Path, help="a new file for the private half")
    drop = orders.add_parser("drop", help="believe a key no more, in copies built from now on")
    drop.add_argument("id")
    place = orders.add_parser("address", help="where latest.json will lie")
    place.add_argument("address")
    packs = orders.add_parser("packs", help="where the list of runtime packs will lie")
    packs.add_argument("address")
    given = parser.parse_args(words)
    try:
        known = publisher_of(given.file.read_text("utf-8"))
        match given.order:
            case "make":
                known = _made(known, given.id, given.private)
            case "drop":
                known = replace(known, key=tuple(k for k in known.key if k.id != given.id))
            case "address":
                known = replace(known, address=given.address)
            case _:
                known = replace(known, packs_address=given.address)
        given.file.write_text(text_of(known), "utf-8")
    except (Refused, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{given.file}: {', '.join(key.id for key in known.key) or 'no key'}")
    return 0


def _made(known: Publisher, name: str, private: Path) -> Publisher:
    if private.resolve().is_relative_to(ROOT):
        raise Refused(f"{private} lies in the project: a private key must not")
    if any(key.id == name for key in known.key):
        raise Refused(f"there is a key {name} already")
    if len(known.key) >= KEYS_MAX:
        raise Refused(f"there are {KEYS_MAX} keys already; drop one first")
    seed = secrets.token_bytes(32)
    with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{TITLE}\n{seed.hex()}\n")
    public = primitives.signing_key(seed).public_key().public_bytes_raw().hex()
    return replace(known, key=(*known.key, ReleaseKey(id=name, public=public)))


def text_of(publisher: Publisher) -> str:
    """The file of the public halves, with the words that it begins with."""
    lines = [line for line in KEYS_FILE.read_text("utf-8").splitlines() if line.startswith("#")]
    for name, value in (("address", publisher.address), ("packs_address", publisher.packs_address)):
        if value:
            lines.append(f'{name} = "{value}"')
    for key in publisher.key:
        lines += ["", "[[key]]", f'id = "{key.id}"', f'public = "{key.public}"']
    return "\n".join(lines) + "\n"


def read_private(place: str) -> bytes:
    """The 32 bytes of a private key: a file, or `env:NAME` for a variable with the file's text.

    Raises: Refused, OSError.
    """
    if place.startswith("env:"):
        text = os.environ.get(place.removeprefix("env:"), "")
    else:
        text = Path(place).read_text("ascii")
    title, _, digits = text.strip().partition("\n")
    if title != TITLE or len(digits.strip()) != 64:
        raise Refused(f"{place} holds no private key of a publisher")
    return bytes.fromhex(digits.strip())


if __name__ == "__main__":
    sys.exit(main())
