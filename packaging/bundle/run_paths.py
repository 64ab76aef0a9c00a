"""Takes the builder's folders out of the libraries of a bundle for Linux.

A Python that was compiled by hand writes its own folder into each of its libraries (RUNPATH). On
another machine that is a folder of whoever may make it, and what lies there would be loaded. Paths
from the file itself ($ORIGIN) stay; the executable finds its libraries by PyInstaller's bootloader.
"""

import re
import subprocess
from pathlib import Path
from typing import Final

_PATH: Final = re.compile(r"^\s+(?:RPATH|RUNPATH)\s+(\S+)$", re.MULTILINE)


def foreign(file: Path) -> list[str]:
    """The folders outside of the bundle in which a library has its own looked for."""
    told = subprocess.run(["objdump", "-p", file], check=True, capture_output=True, text=True)
    paths = [path for found in _PATH.findall(told.stdout) for path in found.split(":")]
    return [path for path in paths if not path.startswith("$ORIGIN")]


def libraries(folder: Path) -> list[Path]:
    """Every library of a bundle; its executables carry an archive, and are left as they are."""
    return [file for file in sorted(folder.rglob("*.so*")) if not file.is_symlink()]


def clear(folder: Path, patchelf: Path) -> int:
    """How many libraries named such a folder, and do not any more. Raises: CalledProcessError."""
    found = [file for file in libraries(folder) if foreign(file)]
    for file in found:
        subprocess.run([patchelf, "--remove-rpath", file], check=True)
    return len(found)
