"""Menu: the tray's menu as a pure function of the picture and the tray's own facts.

Rules (reference of desktops, F.10): at most twelve items; whatever cannot be clicked says why;
the first thing that can is the dashboard, which a left click opens too. Figures that change all
the time stand in the tooltip, so that an open menu does not jump.
"""

from collections.abc import Iterator
from typing import Final

from app.core.models.names import reading_order
from app.core.state.mood import shortened
from app.core.state.view import memory_name
from app.tray.look.actions import (
    CopyAddress,
    Dismiss,
    FreeMemory,
    LoadModel,
    OpenDashboard,
    OpenFile,
    Quit,
    RestartToUpdate,
    Resume,
    SetAutostart,
    StartServer,
    UnloadModel,
)
from app.tray.look.contribute import contribute, pool_news
from app.tray.look.entries import Entry, Item, Menu, Separator
from app.tray.look.facts import Facts, Shelved
from app.wire.local import DownloadPicture, EnginePicture, NodePicture

MODELS_MAX: Final = 12
"""In the submenu; the page of models has the others."""
NEWS_MAX: Final = 2
_NEWS_LENGTH_MAX: Final = 100

_NOT_RUNNING: Final = "Athanor is not running"
_STARTING: Final = "Athanor is starting"


def menu_of(picture: NodePicture | None, facts: Facts) -> Menu:
    """The whole menu."""
    if facts.link == "leaving":
        return (Item(key="status", label="Stopping…"),)
    if facts.link == "gone":
        return (*_status(_NOT_RUNNING), *_news(None, facts), *_start(), *_care(facts))
    if picture is None or facts.link != "here":
        return (*_status(_STARTING), *_news(None, facts), *_waiting(), *_care(facts))
    return (
        *_status(picture.headline or picture.summary),
        *_news(picture, facts),
        *_use(picture, facts),
        Separator(key="after-use"),
        contribute(picture),
        *_care(facts),
    )


def _status(line: str) -> Iterator[Entry]:
    yield Item(key="status", label=line)


def _news(picture: NodePicture | None, facts: Facts) -> Iterator[Entry]:
    """What goes on besides, the most pressing first, as far as there is room."""
    news = [*_trouble(facts)]
    if picture is not None:
        news += [*_update(picture), *_downloading(picture.downloads), *_neighbour(picture)]
        news += pool_news(picture)
    yield from news[:NEWS_MAX]
    yield Separator(key="after-status")


def _trouble(facts: Facts) -> Iterator[Item]:
    if facts.trouble:
        words = shortened(facts.trouble, _NEWS_LENGTH_MAX)
        yield Item(key="trouble", label=f"⚠ {words}", action=Dismiss())


def _update(picture: NodePicture) -> Iterator[Item]:
    """A new version that is here: a click restarts, or shows what the owner has to do."""
    update = picture.update
    if update is None or update.status not in {"ready", "restarting"}:
        return
    if update.status == "restarting":
        yield Item(key="update", label=f"Restarting for Athanor {update.version}…")
    elif update.command:
        label = f"Athanor {update.version} is here, how to install it…"
        yield Item(key="update", label=label, action=OpenDashboard(page="settings"))
    else:
        busy = any(engine.running or engine.waiting for engine in picture.engines)
        yield Item(
            key="update",
            label=f"Restart to update to {update.version}",
            action=RestartToUpdate(),
            reason="an answer is under way" if busy else "",
        )


def _downloading(downloads: tuple[DownloadPicture, ...]) -> Iterator[Item]:
    """How far, in steps of five hundredths: a menu that is open must not flicker."""
    moving = [each for each in downloads if each.status in {"running", "verifying"}]
    if not moving:
        return
    done = sum(each.done_bytes for each in moving) / max(1, sum(e.size_bytes for e in moving))
    what = moving[0].name if len(moving) == 1 else f"{len(moving)} models"
    percent = min(100, int(done * 20) * 5)
    label = shortened(f"Downloading {what} · {percent}%", _NEWS_LENGTH_MAX)
    yield Item(key="download", label=label, action=OpenDashboard(page="models"))


def _neighbour(picture: NodePicture) -> Iterator[Item]:
    """Why the memory of the GPU was given back, where the first line does not say so already."""
    neighbour = picture.neighbour
    if neighbour is None or neighbour.memory == "keep":
        return
    words = neighbour.summary[:1].upper() + neighbour.summary[1:]
    if words != picture.headline:
        yield Item(key="neighbour", label=shortened(words, _NEWS_LENGTH_MAX))


def _start() -> Iterator[Entry]:
    yield Item(key="start", label="Start Athanor", action=StartServer())


def _waiting() -> Iterator[Entry]:
    yield Item(
        key="open", label="Open dashboard", action=OpenDashboard(), reason="it is still starting"
    )


def _use(picture: NodePicture, facts: Facts) -> Iterator[Entry]:
    yield Item(key="open", label="Open dashboard", action=OpenDashboard())
    address = picture.addresses[0] if picture.addresses else ""
    yield Item(
        key="copy",
        label=f"Copy API address  {address}".rstrip(),
        action=CopyAddress(address=address),
        reason="" if address else "there is none yet",
    )
    yield Item(key="model", label="Model", children=_models(picture, facts))
    yield _free(picture, facts)


def _models(picture: NodePicture, facts: Facts) -> Menu:
    """Those in memory first, then the others by name, as many as a menu holds."""
    engines = {engine.model: engine for engine in picture.engines}
    demonstrations = {model.name for model in facts.models if model.is_demonstration}
    demonstrations |= {name for name, engine in engines.items() if engine.is_demonstration}
    others = sorted((model for model in facts.models if model.name not in engines), key=_by_name)
    names = [*sorted(engines, key=reading_order), *(model.name for model in others)]
    items = tuple(
        _model(name, engines.get(name), is_demonstration=name in demonstrations)
        for name in names[:MODELS_MAX]
    )
    if not items:
        items = (Item(key="no-model", label="No model yet"),)
    more = "Load other…" if names else "Get a model…"
    return (
        *items,
        Separator(key="after-models"),
        Item(key="more-models", label=more, action=OpenDashboard(page="models")),
    )


def _by_name(model: Shelved) -> tuple[list[str | int], str]:
    return reading_order(model.name)


def _model(name: str, engine: EnginePicture | None, *, is_demonstration: bool) -> Item:
    label = f"{name} (demonstration)" if is_demonstration else name
    key = f"model:{name}"
    match "unloaded" if engine is None else engine.status:
        case "loaded":
            return Item(key=key, label=label, checked=True, action=UnloadModel(model=name))
        case "loading":
            stop = f"{label}: loading, click to stop"
            return Item(key=key, label=stop, checked=False, action=UnloadModel(model=name))
        case "unloading":
            reason = "unloading after its last answer"
            return Item(key=key, label=label, checked=True, reason=reason)
        case "failed":
            again = f"{label}: failed, click to try again"
            return Item(key=key, label=again, checked=False, action=LoadModel(model=name))
        case _:
            return Item(key=key, label=label, checked=False, action=LoadModel(model=name))


def _free(picture: NodePicture, facts: Facts) -> Item:
    memory = memory_name(device.kind for device in picture.devices)
    holds = any(engine.status in {"loaded", "loading"} for engine in picture.engines)
    neighbour = picture.neighbour
    if not holds and neighbour is not None and neighbour.held_until is not None:
        return Item(key="resume", label=f"Use {memory} again", action=Resume())
    reason = "" if holds else "no model is in memory"
    return Item(
        key="free",
        label=f"Free {memory} now",
        action=FreeMemory(),
        reason="being freed" if facts.is_freeing else reason,
    )


def _care(facts: Facts) -> Iterator[Entry]:
    """What is the same whether a server runs or not."""
    is_here = facts.link == "here"
    yield Separator(key="before-care")
    yield Item(
        key="autostart",
        label="Start with computer",
        checked=facts.autostart,
        action=SetAutostart(enabled=not facts.autostart),
    )
    yield (
        Item(key="settings", label="Settings…", action=OpenDashboard(page="settings"))
        if is_here
        else Item(key="settings", label="Settings file…", action=OpenFile(which="settings"))
    )
    yield Item(key="logs", label="View logs", action=OpenFile(which="log"))
    yield Separator(key="before-quit")
    keeps = is_here and not facts.is_own
    yield Item(
        key="quit", label="Quit (the server keeps running)" if keeps else "Quit", action=Quit()
    )
