"""Environment: what other programs that we start may see of ours.

A frozen program's start-up puts its own library folder into the environment. A browser or a
file manager that inherited it would load our libraries instead of the system's.
"""

from collections.abc import Mapping
from typing import Final

_LIBRARY_PATHS: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")


def for_other_programs(environment: Mapping[str, str], *, is_frozen: bool) -> dict[str, str]:
    """`environment` without what a frozen program's start-up put into it."""
    clean = dict(environment)
    if is_frozen:
        for name in _LIBRARY_PATHS:
            clean.pop(name, None)
            # PyInstaller's bootloader keeps the user's own value under this name.
            if original := clean.pop(f"{name}_ORIG", ""):
                clean[name] = original
        clean["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    return clean
