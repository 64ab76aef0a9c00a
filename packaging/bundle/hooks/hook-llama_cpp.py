"""PyInstaller's hook for llama_cpp: it opens its libraries by path, which an analysis cannot see.

A wheel holds each library under three names in two folders, since zip files keep no links. The
loader wants `libllama.so`; the dynamic linker wants the `.so.0` of what that one and its modules
need. Taken are those and nothing twice. libmtmd is for pictures, which Athanor does not read yet.
"""

import re
from pathlib import Path

from PyInstaller.utils.hooks import get_package_paths

_folder = Path(get_package_paths("llama_cpp")[1]) / "lib"
_WANTED = re.compile(
    r"libllama\.so|lib(ggml|ggml-base|ggml-cpu)\.so\.0"  # Linux
    r"|libggml-[a-z0-9_-]+\.so"  # modules of ggml, where it was built with them
    r"|lib(llama|ggml[a-z-]*)(\.0)?\.dylib|(llama|ggml[a-z0-9_-]*)\.dll"  # macOS, Windows
)
_LINKED = re.compile(r"libggml-(base|cpu)\.so")
"""Of these the `.so.0` is linked to; the bare name is the same file again."""

binaries = [
    (str(file), "llama_cpp/lib")
    for file in sorted(_folder.iterdir())
    if _WANTED.fullmatch(file.name)
    and not (_LINKED.fullmatch(file.name) and file.with_name(file.name + ".0").exists())
]
hiddenimports = ["numpy"]
excludedimports = ["fastapi", "huggingface_hub", "sse_starlette"]
