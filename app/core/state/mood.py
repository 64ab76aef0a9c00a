"""Mood: the whole node in one of five words, and in one short line.

The tray's icon, the page's and `athanor status --json` show the mood; the headline stands where a
line has to do. Pure functions of the state and a time, in the words of view.
"""

from typing import Final, Literal

from app.core.state.engine_life import Loading, Ready, Unloading
from app.core.state.node_state import Device, ModelState, NodeState
from app.core.state.view import life_words, neighbour_line, notices, size

Mood = Literal["asleep", "ready", "busy", "contributing", "attention"]
"""asleep: no model is in memory; the next request wakes one. ready: one waits. busy: it loads,
reads or answers. contributing: it works for others. attention: something needs the owner."""

_MESSAGE_LENGTH_MAX: Final = 80


def mood_of(state: NodeState, now: float) -> Mood:
    """The mood; what needs the owner comes first."""
    if state.server.is_stopping or not state.server.is_serving:
        return "asleep"
    if any(notice.severity == "error" for notice in notices(state, now)):
        return "attention"
    lives = [model.life for model in state.engines()]
    if state.own_requests():
        return "busy"
    if state.requests:
        return "contributing"
    if any(isinstance(life, Loading | Unloading) for life in lives):
        return "busy"
    return "ready" if any(isinstance(life, Ready) for life in lives) else "asleep"


def headline(state: NodeState, now: float) -> str:
    """One short line: the mood, which model on what, how full its memory is."""
    if state.server.is_stopping:
        return "Stopping"
    if not state.server.is_serving:
        return "Starting"
    match mood_of(state, now):
        case "attention":
            worst = next(each for each in notices(state, now) if each.severity == "error")
            return f"Attention · {shortened(worst.message, _MESSAGE_LENGTH_MAX)}"
        case "asleep":
            line = neighbour_line(state, now)
            return line[:1].upper() + line[1:] if line else "Idle · no model is loaded"
        case "busy":
            return " · ".join(["Busy", *_doing(state, now), *_memory(state)])
        case "contributing":
            return " · ".join(["Contributing", *_doing(state, now), *_memory(state)])
        case _:
            ready = [model for model in state.engines() if isinstance(model.life, Ready)]
            return " · ".join(["Ready", _names(ready) + _place(state, ready), *_memory(state)])


def shortened(text: str, length_max: int) -> str:
    """The text on one line, its end cut where it is longer than a face has room for."""
    line = " ".join(text.split())
    return line if len(line) <= length_max else line[: length_max - 1].rstrip() + "…"


def _doing(state: NodeState, now: float) -> list[str]:
    moving = [m for m in state.engines() if isinstance(m.life, Loading | Unloading)]
    if moving:
        return [f"{moving[0].name}: {life_words(moving[0], now)}"]
    count = len(state.requests)
    models = {request.model for request in state.requests.values()}
    where = next(iter(models)) if len(models) == 1 else f"{len(models)} models"
    return [f"{count} request{'' if count == 1 else 's'} on {where}"]


def _names(models: list[ModelState]) -> str:
    return models[0].name if len(models) == 1 else f"{len(models)} models"


def _place(state: NodeState, models: list[ModelState]) -> str:
    """On what the models run, where that is one thing."""
    on_gpu = {isinstance(m.life, Ready) and m.life.facts.gpu_layers > 0 for m in models}
    if on_gpu == {False}:
        return " on the CPU"
    gpus = _gpus(state)
    return f" on {gpus[0].description or gpus[0].name}" if on_gpu == {True} and gpus else ""


def _memory(state: NodeState) -> list[str]:
    """How full the memory of the GPUs is, all together; nothing where there is none."""
    gpus = _gpus(state)
    total = sum(gpu.memory_total for gpu in gpus)
    used = total - sum(gpu.memory_free for gpu in gpus)
    return [f"{size(used)} of {size(total)}"] if total else []


def _gpus(state: NodeState) -> list[Device]:
    return [device for device in state.devices if device.kind != "cpu"]
