"""View: the words that all faces show.

The tray's tooltip, `athanor status` and the page say the same sentence because they ask here.
Pure functions of a picture and a time; every line is complete by itself and has no markup.
"""

from collections.abc import Iterable
from typing import Final, assert_never

from app.core.models.demonstration import DESCRIPTION, REMEDY, labelled
from app.core.sharing.words import memory_words
from app.core.state.due import unload_at
from app.core.state.engine_life import Failed, Loading, Ready, Unloaded, Unloading
from app.core.state.node_state import ModelState, NodeState, Notice
from app.core.state.update_state import UpdateState, update_words

_STAGES: Final = {
    "queued": "waiting to load",
    "library": "starting",
    "weights": "loading weights",
    "context": "making room for the context",
    "template": "learning the chat template",
    "warmup": "warming up",
}

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def summary(state: NodeState, now: float) -> str:
    """One line about the whole node."""
    if state.server.is_stopping:
        return "stopping: " + _count(len(state.requests), "request") + " in flight"
    if not state.server.is_serving:
        return "starting"
    engines = list(state.engines())
    if not engines:
        return neighbour_line(state, now) or "idle: no model is loaded"
    words = "; ".join(model_line(model, now) for model in engines)
    requests = len(state.requests)
    return f"{_count(requests, 'request')} in flight; {words}" if requests else words


def neighbour_line(state: NodeState, now: float) -> str:
    """Why GPU memory is given away, and until when; "" while it is not."""
    verdict = state.neighbour.verdict
    if not verdict.memory_causes:
        return ""
    return memory_words(verdict, now, memory=memory_name(device.kind for device in state.devices))


def memory_name(kinds: Iterable[str]) -> str:
    """What models hold and give back, on a machine with devices of these kinds."""
    return "memory" if all(kind == "cpu" for kind in kinds) else "GPU memory"


def model_line(model: ModelState, now: float) -> str:
    """One model: its name and how its engine is."""
    name = labelled(model.name, is_demonstration=model.is_demonstration)
    return f"{name}: {life_words(model, now)}"


def life_words(model: ModelState, now: float) -> str:
    """How the model's engine is, without the model's name."""
    match model.life:
        case Unloaded():
            return "not loaded"
        case Loading(stage=stage, fraction=fraction):
            words = _STAGES.get(stage, stage)
            return f"{words} {fraction:.0%}" if fraction else words
        case Ready() as ready:
            return _ready_words(model, ready, now)
        case Unloading():
            return "unloading after the last answer"
        case Failed(reason=reason, retry_at=retry_at):
            wait = retry_at - now
            again = f"; next try in {duration(wait)}" if wait > 0 else ""
            return f"failed: {reason}{again}"
        case _:
            assert_never(model.life)


def _ready_words(model: ModelState, ready: Ready, now: float) -> str:
    gauges = ready.gauges
    if gauges.running or gauges.waiting or gauges.parked:
        words = [
            f"{count} {word}"
            for count, word in (
                (gauges.running, "answering"),
                (gauges.waiting, "queued"),
                (gauges.parked, "parked"),
            )
            if count
        ]
        return ", ".join(words)
    if ready.leases:
        return f"{ready.leases} answering"
    ends = unload_at(model)
    if ends is None:
        return "ready"
    return f"ready; unloads in {duration(max(0.0, ends - now))}"


def notices(state: NodeState, now: float) -> tuple[Notice, ...]:
    """What the owner should know now: the notices raised, and those that follow from the state."""
    found = list(state.notices)
    found += [_of_demonstration(m) for m in state.models.values() if _stands_in(m)]
    found += _of_update(state.update)
    for model in state.models.values():
        match model.life:
            case Failed(remedy=remedy):
                message = f"{model.name} {life_words(model, now)}"
                found.append(
                    Notice(
                        key=f"failed:{model.name}", severity="error", message=message, remedy=remedy
                    )
                )
            case Ready(rung=rung, facts=facts) if rung:
                # The last sentence says what was given up.
                why = facts.explanation[-1] if facts.explanation else "It runs by a safer plan."
                found.append(
                    Notice(
                        key=f"rung:{model.name}",
                        severity="warning",
                        message=f"{model.name}: {why}",
                        remedy=_remedy_of_a_safer_plan(state),
                    )
                )
            case _:
                pass
    return tuple(found)


def _remedy_of_a_safer_plan(state: NodeState) -> str:
    again = "A new version of Athanor tries the fast plan again."
    if all(device.kind == "cpu" for device in state.devices):
        return again
    return f"Update the graphics driver. {again}"


def _stands_in(model: ModelState) -> bool:
    return model.is_demonstration and model.is_listed


def _of_demonstration(model: ModelState) -> Notice:
    return Notice(
        key="demonstration",
        severity="info",
        message=f"{model.name} answers, since there is no other model. {DESCRIPTION}",
        remedy=REMEDY,
    )


def _of_update(update: UpdateState) -> list[Notice]:
    found = []
    if update.status == "ready":
        found.append(
            Notice(
                key=f"update_ready:{update.version}",
                severity="info",
                message=update_words(update),
                remedy=""
                if update.command
                else "The tray's menu and the page of settings restart it.",
            )
        )
    if update.fallen:
        found.append(
            Notice(
                key=f"update_failed:{update.fallen}",
                severity="warning",
                message=f"Athanor {update.fallen} did not start here, so the version before "
                "runs again.",
                remedy="A later version is offered as soon as there is one.",
            )
        )
    return found


def duration(seconds: float) -> str:
    """A length of time in its largest sensible unit: 8 s, 4 min, 3 h, 2 days."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 2 * 3600:
        return f"{round(whole / 60)} min"
    if whole < 2 * 86400:
        return f"{round(whole / 3600)} h"
    return f"{round(whole / 86400)} days"


def size(count: int) -> str:
    """Bytes in a binary unit with three digits at most: 512 B, 1.5 GiB."""
    value = float(count)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def _count(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
