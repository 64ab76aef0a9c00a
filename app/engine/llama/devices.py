"""The compute devices as ggml lists them: any vendor, names and memory."""

import ctypes
from typing import Final, Literal, final

import msgspec

from app.core.models.plan import DeviceUse
from app.core.runtime.backends import backend_of
from app.core.runtime.record import Pair, is_allowed
from app.engine.llama import drivers, library, modules

Kind = Literal["cpu", "gpu", "igpu", "accel"]

_KINDS: Final[dict[int, Kind]] = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accel"}
"""ggml_backend_dev_type; 4 ("meta") wraps others and is left out."""

GPUS: Final = ("gpu", "igpu")
"""Kinds that layers go to."""


class _Properties(ctypes.Structure):
    """ggml_backend_dev_props, the fields that are read."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("capabilities", ctypes.c_ubyte * 64),  # five today; more would be written past our end
    )


@final
class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A device with its pointer of ggml."""

    handle: int
    use: DeviceUse


class _Only:
    """Set by a trial: the one GPU that this process computes on."""

    name: str | None = None


def compute_only_on(name: str) -> None:
    """From here on models are loaded on the GPU of this name, allowed or not, or on none."""
    _Only.name = name


def list_devices(*, with_untried: bool = False) -> list[DeviceUse]:
    """The devices that may be used, in ggml's order: that of `main_gpu` and `tensor_split`.

    `with_untried` lists GPUs under modules that were not tried yet as well; one that was pinned off
    is never listed. Asks drivers, so it opens a context on each GPU in this process.
    """
    library.start()
    return [each.use for each in find_devices(with_untried=with_untried)]


def find_devices(*, with_untried: bool = False) -> list[Found]:
    """As `list_devices`, with their pointers. A card that two back ends list counts once."""
    plan = modules.plan()
    found: list[Found] = []
    cards: set[str] = set()
    for card, each in _all():
        pair = each.use.pair
        if _Only.name is not None:
            if each.use.kind in GPUS and each.use.name != _Only.name:
                continue
        elif pair is not None and (
            pair in plan.avoided or not (with_untried or is_allowed(plan, pair))
        ):
            continue
        if card and card in cards:
            continue
        cards.add(card)
        found.append(each)
    return found


def gpus_to_use() -> list[int] | None:
    """Pointers of the GPUs for a model; None where llama.cpp's own choice is the same.

    Its choice is made here again when any device is left out: discrete ones, else integrated ones
    of one back end.
    """
    allowed = find_devices()
    if len(allowed) == sum(1 for _ in _all()):
        return None
    discrete = [each.handle for each in allowed if each.use.kind == "gpu"]
    shared = [each for each in allowed if each.use.kind == "igpu"]
    first = shared[0].use.pair if shared else None
    backend = first.backend if first else ""
    return discrete or [
        each.handle
        for each in shared
        if (each.use.pair.backend if each.use.pair else "") == backend
    ]


def _all() -> list[tuple[str, Found]]:
    """Every device with the id of its card, "" where the driver tells none."""
    library.start()
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    count = library.ggml_function("ggml_backend_dev_count", size)
    get = library.ggml_function("ggml_backend_dev_get", pointer, size)
    properties_of = library.ggml_function(
        "ggml_backend_dev_get_props", None, pointer, ctypes.POINTER(_Properties)
    )
    registry = library.ggml_function("ggml_backend_dev_backend_reg", pointer, pointer)
    registered = library.ggml_function("ggml_backend_reg_name", text, pointer)
    devices = []
    for index in range(count()):
        handle, told = get(index), _Properties()
        properties_of(handle, ctypes.byref(told))
        kind = _KINDS.get(told.type)
        if kind is None:
            continue
        description = told.description.decode("utf-8", "replace").strip()
        backend = registered(registry(handle)).decode("utf-8", "replace")
        use = DeviceUse(
            name=told.name.decode("utf-8", "replace"),
            description=description,
            kind=kind,
            memory_free=told.memory_free,
            memory_total=told.memory_total,
            pair=_pair(kind, description, backend),
        )
        card = told.device_id.decode("ascii", "replace") if told.device_id else ""
        devices.append((card, Found(handle=handle, use=use)))
    return devices


def _pair(kind: Kind, description: str, registered: str) -> Pair | None:
    pack = modules.pack_of(registered)
    if pack is None or kind not in GPUS:
        return None
    backend = backend_of(registered)
    return Pair(
        device=description,
        backend=backend,
        pack=pack,
        build=library.build(),
        driver=drivers.driver_of(backend, description),
    )


def has_gpu() -> bool:
    """Whether layers can go to a device of their own."""
    return any(device.kind in GPUS for device in list_devices())
