"""Picture: the node's state as the local API shows it. Pure.

The words are core/state/view's, so that every face says the same.
"""

from msgspec.structs import replace

from app import __version__
from app.core.state.due import unload_at
from app.core.state.engine_life import Failed, Loading, Ready, Unloaded, Unloading
from app.core.state.mood import headline, mood_of
from app.core.state.node_state import Device, ModelState, NodeState
from app.core.state.view import notices, summary
from app.server.node.hub import Happened
from app.server.web.local.neighbour_picture import neighbour_picture
from app.server.web.local.pool_picture import pool_picture
from app.server.web.local.remote_pictures import download_picture
from app.server.web.local.update_picture import update_picture
from app.wire.local import DevicePicture, EnginePicture, ModelStatus, NodeEvent, NodePicture, Notice


def picture_of(state: NodeState, number: int, now: float) -> NodePicture:
    """All of it, after the event `number`."""
    server = state.server
    status = "stopping" if server.is_stopping else "serving" if server.is_serving else "starting"
    return NodePicture(
        number=number,
        version=server.version or __version__,
        status=status,  # type: ignore[arg-type]  # one of the three words
        summary=summary(state, now),
        mood=mood_of(state, now),
        headline=headline(state, now),
        started_at=server.started_at,
        addresses=server.addresses,
        models=sum(model.is_listed for model in state.models.values()),
        library_revision=state.library.revision,
        engines=tuple(engine_picture(model) for model in state.engines()),
        devices=tuple(_device(device) for device in state.devices),
        notices=tuple(
            Notice(severity=each.severity, message=each.message, remedy=each.remedy, key=each.key)
            for each in notices(state, now)
        ),
        downloads=tuple(download_picture(one) for one in state.downloads.values()),
        neighbour=neighbour_picture(state, now),
        pool=pool_picture(state, now) if state.pool is not None else None,
        update=update_picture(state),
    )


def status_of(model: ModelState) -> ModelStatus:
    """The word for its engine."""
    return engine_picture(model).status


def event_of(happened: Happened, now: float) -> NodeEvent:
    """One step of a watch."""
    event = happened.event
    return NodeEvent(
        number=happened.number,
        happened="picture" if event is None else str(event.__struct_config__.tag),
        picture=picture_of(happened.state, happened.number, now),
    )


def engine_picture(model: ModelState) -> EnginePicture:
    """One model's engine."""
    known = EnginePicture(
        model=model.name,
        status="unloaded",
        is_demonstration=model.is_demonstration,
        restarts=model.restarts,
        size_bytes=model.size_bytes,
    )
    match model.life:
        case Unloaded():
            return known
        case Loading(stage=stage, fraction=fraction):
            return replace(known, status="loading", stage=stage, fraction=fraction)
        case Unloading():
            return replace(known, status="unloading")
        case Failed(reason=reason):
            return replace(known, status="failed", message=reason)
        case Ready() as ready:
            return _ready(known, model, ready)


def _ready(known: EnginePicture, model: ModelState, ready: Ready) -> EnginePicture:
    facts, gauges = ready.facts, ready.gauges
    return replace(
        known,
        status="loaded",
        message=" ".join(facts.explanation),
        pid=facts.pid,
        loaded_at=ready.since,
        last_used_at=ready.last_used,
        unload_at=unload_at(model),
        context=facts.context,
        sequences=facts.sequences,
        layers=facts.layers,
        gpu_layers=facts.gpu_layers,
        running=gauges.running,
        waiting=gauges.waiting,
        parked=gauges.parked,
        cells_used=gauges.cells_used,
        cells=facts.cells,
        prompt_tokens=gauges.prompt_tokens,
        cached_tokens=gauges.cached_tokens,
        completion_tokens=gauges.completion_tokens,
        busy_seconds=gauges.busy_seconds,
    )


def _device(device: Device) -> DevicePicture:
    return DevicePicture(
        name=device.name,
        description=device.description,
        kind=device.kind,
        memory_free_bytes=device.memory_free,
        memory_total_bytes=device.memory_total,
        busy_percent=device.busy_percent,
        temperature_celsius=device.temperature_celsius,
    )
