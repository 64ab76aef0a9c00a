"""Home: what runs, on what, how fast and how warm."""

from collections.abc import Mapping
from typing import Final, final

import msgspec
from litestar.types import ASGIApp

from app.core.state.engine_life import Loading, Ready, life_name
from app.core.state.node_state import Device, ModelState, NodeState
from app.core.state.view import life_words, notices
from app.server.web.body import ApiRequest
from app.server.web.dashboard.connect import reach_from
from app.server.web.dashboard.pages import HOME, api_address, page_response
from app.server.web.services import Services, services_of

CARDS: Final = ("notices", "running", "machine")


@final
class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is loaded or on its way."""

    name: str
    status: str
    """The engine's life in a word: loading, ready, unloading, failed."""
    words: str
    device_bytes: int = 0
    host_bytes: int = 0
    context: int = 0
    cells_percent: float = 0.0
    running: int = 0
    waiting: int = 0
    progress: float | None = None
    """While loading: of the stage, 0 to 100."""
    is_demonstration: bool = False


@final
class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One device and what of it is used by whom."""

    name: str
    kind: str
    used: int
    total: int
    ours: int
    """Bytes that our engines are expected to hold there, at most what is used."""
    busy_percent: float | None
    temperature_celsius: float | None
    power_watts: float | None


async def home(request: ApiRequest) -> ASGIApp:
    """The home page."""
    services = services_of(request)
    shown = reach_from("here", api_address(request), services)
    return page_response(request, HOME, {**values(services), "shown": shown})


def values(services: Services) -> Mapping[str, object]:
    """What the cards show now."""
    state, now = services.hub.state, services.now()
    return {
        "notices": notices(state, now),
        "running": [running_of(model, now) for model in state.engines()],
        "machines": machines_of(state),
        "memory_bytes": state.server.memory_bytes,
        "cores": state.server.cores,
        "models_count": sum(model.is_listed for model in state.models.values()),
    }


def running_of(model: ModelState, now: float) -> Running:
    """A model's row."""
    known = Running(
        name=model.name,
        status=life_name(model.life),
        words=life_words(model, now),
        is_demonstration=model.is_demonstration,
    )
    match model.life:
        case Loading(fraction=fraction):
            return msgspec.structs.replace(known, progress=100 * fraction)
        case Ready(facts=facts, gauges=gauges):
            return msgspec.structs.replace(
                known,
                device_bytes=facts.device_bytes,
                host_bytes=facts.host_bytes,
                context=facts.context,
                cells_percent=100 * gauges.cells_used / facts.cells if facts.cells else 0.0,
                running=gauges.running,
                waiting=gauges.waiting,
            )
        case _:
            return known


def machines_of(state: NodeState) -> list[Machine]:
    """The devices, GPUs first. What engines hold is shared among devices of a kind by size."""
    order = sorted(state.devices, key=lambda device: device.kind == "cpu")
    return [_machine(state, device) for device in order]


def _machine(state: NodeState, device: Device) -> Machine:
    is_cpu = device.kind == "cpu"
    alike = [each for each in state.devices if (each.kind == "cpu") == is_cpu]
    held = sum(
        model.life.facts.host_bytes if is_cpu else model.life.facts.device_bytes
        for model in state.models.values()
        if isinstance(model.life, Ready)
    )
    used = device.memory_total - device.memory_free
    whole = sum(each.memory_total for each in alike)
    share = round(held * device.memory_total / whole) if whole else 0
    return Machine(
        name=device.description or device.name,
        kind=device.kind,
        used=used,
        total=device.memory_total,
        ours=min(share, used),
        busy_percent=device.busy_percent,
        temperature_celsius=device.temperature_celsius,
        power_watts=device.power_watts,
    )
