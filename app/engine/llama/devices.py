"""The compute devices as ggml lists them: any vendor, names and memory."""

import ctypes
from typing import Final, Literal

from app.core.models.plan import DeviceUse
from app.engine.llama import library

Kind = Literal["cpu", "gpu", "igpu", "accel"]

_KINDS: Final[dict[int, Kind]] = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accel"}
"""ggml_backend_dev_type; 4 ("meta") wraps others and is left out."""


def list_devices() -> list[DeviceUse]:
    """All devices, in ggml's order: the order of `main_gpu` and `tensor_split` among GPUs.

    Asks drivers, so it opens a context on each GPU in this process.
    """
    library.start()
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    count = library.ggml_function("ggml_backend_dev_count", size)
    get = library.ggml_function("ggml_backend_dev_get", pointer, size)
    name = library.ggml_function("ggml_backend_dev_name", text, pointer)
    description = library.ggml_function("ggml_backend_dev_description", text, pointer)
    kind = library.ggml_function("ggml_backend_dev_type", ctypes.c_int, pointer)
    sizes = ctypes.POINTER(size)
    memory = library.ggml_function("ggml_backend_dev_memory", None, pointer, sizes, sizes)
    devices = []
    for index in range(count()):
        device = get(index)
        if kind(device) not in _KINDS:
            continue
        free, total = size(), size()
        memory(device, ctypes.byref(free), ctypes.byref(total))
        devices.append(
            DeviceUse(
                name=name(device).decode("utf-8", "replace"),
                description=description(device).decode("utf-8", "replace").strip(),
                kind=_KINDS[kind(device)],
                memory_free=free.value,
                memory_total=total.value,
            )
        )
    return devices


def has_gpu() -> bool:
    """Whether layers can go to a device of their own."""
    return any(device.kind in ("gpu", "igpu") for device in list_devices())
