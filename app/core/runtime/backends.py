"""Back ends of ggml as modules in files: their names, and the order in which they are loaded.

llama.cpp takes a card that two back ends list from the one that was registered first, so the order
is the preference: a vendor's own before Vulkan, the processor last.
"""

import re
from collections.abc import Iterable
from typing import Final, final

import msgspec

PREFERENCE: Final = ("metal", "cuda", "hip", "sycl", "vulkan", "opencl", "blas", "cpu")
"""First is loaded first."""

OF_PROCESSOR: Final = frozenset({"cpu", "blas"})
"""Back ends that need no GPU."""

NEVER: Final = frozenset({"base", "rpc"})
"""`base` is no back end; `rpc` would let strangers compute here and take our weights."""

WORDS: Final = {
    "metal": "Metal",
    "cuda": "CUDA",
    "hip": "ROCm",
    "sycl": "SYCL",
    "vulkan": "Vulkan",
    "opencl": "OpenCL",
    "blas": "BLAS",
    "cpu": "processor",
}
"""What the owner reads."""

_MODULE: Final = re.compile(r"(?:lib)?ggml-([a-z0-9]+)(?:-([a-z0-9_]+))?\.(?:so|dll)", re.ASCII)

_REGISTERED: Final = {"mtl": "metal", "rocm": "hip"}
"""Names that ggml registers, where they are others than the files'."""


@final
class ModuleName(msgspec.Struct, frozen=True):
    """What the name of a module's file says."""

    backend: str
    variant: str = ""
    """Of the processor's: which instructions it was compiled for (haswell, zen4)."""


def module_name(file: str) -> ModuleName | None:
    """The back end in a file of this name; None where it is not one that is loaded."""
    found = _MODULE.fullmatch(file)
    if found is None or found[1] in NEVER:
        return None
    return ModuleName(found[1], found[2] or "")


def backend_of(registered: str) -> str:
    """Our word for a back end by the name that ggml registers it under ("CUDA", "Vulkan")."""
    word = registered.casefold()
    return _REGISTERED.get(word, word)


def words_of(backend: str) -> str:
    """The back end as the owner reads it."""
    return WORDS.get(backend, backend)


def in_order(backends: Iterable[str]) -> list[str]:
    """These back ends in the order of loading; unknown ones come before the processor."""
    known = {name: place for place, name in enumerate(PREFERENCE)}
    last = known["cpu"]
    return sorted(dict.fromkeys(backends), key=lambda name: (known.get(name, last - 0.5), name))
