"""Writes the version resource of a program as PyInstaller does on Windows: `VERSION FILE_NAME`.

Run by the Python of the environment that bundles are made in, on any system; the bytes go to
standard output. PyInstaller's module is made for Windows: what it imports there alone is given to
it empty, and its native sizes are those of Windows, where an L has four bytes and not eight.
"""

import struct
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "packaging"))

import PyInstaller.compat  # of the environment of bundles alone
from windows.version_resource import version_text

PyInstaller.compat.win32api = None
sys.modules["pefile"] = types.ModuleType("pefile")

from PyInstaller.utils.win32 import versioninfo  # noqa: E402

versioninfo.struct = types.SimpleNamespace(
    pack=lambda form, *values: struct.pack(f"<{form}", *values)
)

if __name__ == "__main__":
    version, file_name = sys.argv[1:]
    # As PyInstaller itself reads the file (load_version_info_from_text_file).
    resource = eval(version_text(version, file_name=file_name), vars(versioninfo))
    sys.stdout.buffer.write(resource.toRaw())
