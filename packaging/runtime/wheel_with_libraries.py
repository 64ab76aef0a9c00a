"""Put libraries into a wheel of pure Python, each once, under `llama_cpp/lib`.

llama-cpp-python's own install writes each library under three names into two folders, and forgets
the modules; a wheel is a zip with a list of hashes, so it is simpler to write one.
"""

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

_PLACE = "llama_cpp/lib"


def put_in(plain: Path, libraries: Mapping[str, Path], folder: Path) -> Path:
    """A wheel in `folder` with everything of `plain` and these libraries, by the same name."""
    target = folder / plain.name
    lines: list[str] = []
    with (
        zipfile.ZipFile(plain) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as new,
    ):
        record = next(name for name in old.namelist() if name.endswith(".dist-info/RECORD"))
        for item in old.infolist():
            if item.filename == record or item.filename.startswith(f"{_PLACE}/"):
                continue
            content = old.read(item)
            new.writestr(item, content)
            lines.append(_line(item.filename, content))
        for name, file in libraries.items():
            content = file.read_bytes()
            item = zipfile.ZipInfo(f"{_PLACE}/{name}")
            item.external_attr = 0o100755 << 16
            item.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(item, content)
            lines.append(_line(item.filename, content))
        new.writestr(record, "\n".join([*lines, f"{record},,", ""]))
    return target


def _line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}"
