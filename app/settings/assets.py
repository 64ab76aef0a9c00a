"""Assets: where the files lie that come with the program, such as the demonstration model.

In a clone and in a frozen bundle they are in `assets/`, beside the package; a wheel has no place
beside its package, so there they are in `app/assets/` (setup.py). `ATHANOR_ASSETS` names another
folder, which tests use, and whoever packs the program in another way.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import app

ASSETS_VARIABLE: Final = "ATHANOR_ASSETS"
_FOLDER: Final = "assets"


def assets_folder(
    environment: Mapping[str, str] | None = None, *, package: Path | None = None
) -> Path:
    """The folder of the program's own files, absolute; it may be missing in a broken installation.

    `package` is the folder of `app`, which knows by itself where it is.
    """
    named = (os.environ if environment is None else environment).get(ASSETS_VARIABLE, "")
    if named:
        return Path(named).expanduser().absolute()
    package = package or Path(app.__file__).resolve().parent
    # A wheel's first: beside it, in site-packages, any other `assets` is a stranger's.
    inside = package / _FOLDER
    return inside if inside.is_dir() else package.parent / _FOLDER
