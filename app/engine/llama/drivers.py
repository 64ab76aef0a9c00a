"""Drivers: which version of a driver computes on a GPU, as its own library tells.

ggml does not tell it, and a proof is worth nothing under another driver. So NVIDIA's management
library is asked for CUDA, and the Vulkan loader for Vulkan; where neither is there, or a back end
has no such library, the driver is unknown, "".

Source: vulkan_core.h (VkPhysicalDeviceProperties2, VkPhysicalDeviceDriverProperties) and nvml.h.
"""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from app.core.runtime.record import driver_words

_IS_WINDOWS: Final = sys.platform == "win32"
_VULKAN: Final = "vulkan-1.dll" if _IS_WINDOWS else "libvulkan.so.1"
_NVML: Final = "nvml.dll" if _IS_WINDOWS else "libnvidia-ml.so.1"

_APPLICATION, _INSTANCE, _PROPERTIES, _DRIVER = 0, 1, 1_000_059_001, 1_000_196_000
"""VkStructureType of the four structures below."""
_VULKAN_1_1: Final = 1 << 22 | 1 << 12
"""From here on a loader is asked for drivers; llama.cpp wants 1.2."""
_NVML_TEXT_BYTES: Final = 80


class _Application(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("version", ctypes.c_uint32),
        ("engine", ctypes.c_char_p),
        ("engine_version", ctypes.c_uint32),
        ("api_version", ctypes.c_uint32),
    )


class _Instance(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.POINTER(_Application)),
        ("layer_count", ctypes.c_uint32),
        ("layers", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    )


class _Driver(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("next", ctypes.c_void_p),
        ("id", ctypes.c_uint32),
        ("name", ctypes.c_char * 256),
        ("told", ctypes.c_char * 256),
        ("conformance", ctypes.c_uint8 * 4),
    )


class _Properties(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("next", ctypes.c_void_p),
        ("api_version", ctypes.c_uint32),
        ("driver_version", ctypes.c_uint32),
        ("vendor", ctypes.c_uint32),
        ("device", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("name", ctypes.c_char * 256),
        ("rest", ctypes.c_uint64 * 128),  # limits: 548 bytes, and room for more
    )


def driver_of(backend: str, device: str) -> str:
    """The driver of the GPU that the back end describes so, "" where nothing tells it."""
    if backend == "vulkan":
        # A card that two drivers list under one name has the two of them.
        return driver_words({told for name, told in _vulkan_drivers() if name == device})
    return _nvidia_driver() if backend == "cuda" else ""


def drivers() -> dict[str, list[str]]:
    """By back end, each driver there is; a back end of which nothing is known is left out."""
    found = {
        "cuda": [_nvidia_driver()] if _nvidia_driver() else [],
        "vulkan": sorted({told for _, told in _vulkan_drivers()}),
    }
    return {backend: told for backend, told in found.items() if told}


@cache
def _nvidia_driver() -> str:
    try:
        nvml = ctypes.CDLL(_NVML)
        if nvml.nvmlInit_v2():
            return ""
        text = ctypes.create_string_buffer(_NVML_TEXT_BYTES)
        has_failed = nvml.nvmlSystemGetDriverVersion(text, _NVML_TEXT_BYTES)
        nvml.nvmlShutdown()
    except (OSError, AttributeError):
        return ""
    return "" if has_failed else text.value.decode("ascii", "replace")


@cache
def _vulkan_drivers() -> tuple[tuple[str, str], ...]:
    """The name of each device with its driver, as the loader lists them."""
    try:
        vulkan = ctypes.CDLL(_VULKAN)
        create, destroy = vulkan.vkCreateInstance, vulkan.vkDestroyInstance
        enumerate_, tell = (
            vulkan.vkEnumeratePhysicalDevices,
            vulkan.vkGetPhysicalDeviceProperties2,
        )
    except (OSError, AttributeError):
        return ()
    application = _Application(type=_APPLICATION, api_version=_VULKAN_1_1)
    wanted = _Instance(type=_INSTANCE, application=ctypes.pointer(application))
    instance, count = ctypes.c_void_p(), ctypes.c_uint32()
    if create(ctypes.byref(wanted), None, ctypes.byref(instance)):
        return ()
    try:
        if enumerate_(instance, ctypes.byref(count), None):
            return ()
        devices = (ctypes.c_void_p * count.value)()
        if enumerate_(instance, ctypes.byref(count), devices) < 0:
            return ()
        return tuple(_told(tell, devices[index]) for index in range(count.value))
    finally:
        destroy(instance, None)


def _told(tell: Callable[..., Any], device: int | None) -> tuple[str, str]:
    driver = _Driver(type=_DRIVER)
    properties = _Properties(type=_PROPERTIES, next=ctypes.addressof(driver))
    tell(ctypes.c_void_p(device), ctypes.byref(properties))
    words = f"{driver.name.decode('utf-8', 'replace')} {driver.told.decode('utf-8', 'replace')}"
    # Some tell no version in words; the number alone is packed by each maker in another way.
    return (
        properties.name.decode("utf-8", "replace").strip(),
        f"{words.strip()} ({properties.driver_version:#x})".lstrip(),
    )
