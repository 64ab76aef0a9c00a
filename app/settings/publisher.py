"""Publisher: who made this copy of the program, as assets/release-keys.toml says."""

from pathlib import Path

import msgspec

from app.core.release.keys import Publisher, publisher_of
from app.settings.assets import assets_folder

KEYS_FILE = "release-keys.toml"


def read_publisher(folder: Path | None = None) -> Publisher:
    """The publisher; one without keys where the file is missing or damaged, so nobody is believed.

    `folder` is that of the assets, which the program finds by itself.
    """
    path = (assets_folder() if folder is None else folder) / KEYS_FILE
    try:
        return publisher_of(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
        return Publisher()
