"""Settings: every one with its sentence, range and source, saved by the settings' own rules.

The page shows what the file says; what is in force may come from elsewhere, and is said beside it.
An emptied field goes out of the file, so that the default holds; an emptied list is one of nothing.
A field that was left alone stays as the file has it.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, final

import msgspec
from litestar import get, post
from litestar.types import ASGIApp

from app.core.base.errors import RequestError, SettingsInvalid
from app.server.web.body import ApiRequest
from app.server.web.dashboard import runtimes, updates
from app.server.web.dashboard.actions import done, fragment, is_of_htmx
from app.server.web.dashboard.changes import change, field, is_touched
from app.server.web.dashboard.drawing import draw
from app.server.web.dashboard.pages import SETTINGS, frame_of, page_response
from app.server.web.local.autostart import turn
from app.server.web.services import Services, services_of
from app.settings.autostart.autostart import Switch
from app.settings.fields import FIELDS, HOST_SECTION, SECTIONS, Field, Value
from app.settings.links.links import LinkSwitch
from app.settings.live import is_live, value_of
from app.settings.load import DEFAULT_ORIGIN, Loaded, load_settings
from app.settings.save import save_settings
from app.settings.schema import Settings

_TEXT_LENGTH_MAX: Final = 10_000

_ELSEWHERE: Final = frozenset({"models.folders"})
"""Changed on another page, where they hold at once."""

_SECTIONS: Final = tuple(section for section in SECTIONS if section != HOST_SECTION)
"""The host of a pool is another process, with pages of its own."""

_TITLES: Final = {
    "server": "Server",
    "models": "Models",
    "engine": "Engine",
}
"""Of sections whose name alone is not a title."""

_BOUNDS: Final = {"max": ", at most", "min": ", at least"}
_SHORT: Final = frozenset({"cpu", "gpu", "ram"})
"""Words that are written in capitals."""


@final
class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as the page shows it."""

    field: Field
    label: str
    kind: str
    """choice, list or text."""
    text: str
    """What the file says, as it is typed; "" where it says nothing."""
    drawn: str
    """The same, also where something wrong was typed."""
    usual: str
    """The default, as it is typed; "" where the file says that there is nothing."""
    allowed: str
    words: tuple[str, ...]
    fixed_by: str
    """The variable or flag that wins over the file; "" where none does."""
    in_force: str
    waits: str
    """What holds from the next start on; "" where it holds already."""
    problem: str = ""


@get(SETTINGS.path, include_in_schema=False)
async def settings(request: ApiRequest) -> ASGIApp:
    """The page."""
    return await _page(request, {}, {})


async def _page(
    request: ApiRequest, typed: Mapping[str, str], problems: Mapping[str, str]
) -> ASGIApp:
    services = services_of(request)
    context: dict[str, object] = {
        **await runtimes.values(services),
        **updates.values(services),
        "config_file": services.dashboard.config_file,
        "session_count": services.dashboard.sessions.count,
        "autostart": await asyncio.to_thread(Switch.of_this().state),
        "links": await asyncio.to_thread(LinkSwitch.of_this().state),
        "trouble": None,
    }
    try:
        context |= await values(services, typed, problems)
    except SettingsInvalid as error:
        # Somebody edited the file by hand; the server runs on by what it read at its start.
        context |= {"sections": {}, "titles": {}, "trouble": error}
    return page_response(request, SETTINGS, context)


@post("/dashboard/autostart", guards=[change], include_in_schema=False, status_code=200)
async def autostart(request: ApiRequest) -> ASGIApp:
    """Start with the computer, or no more."""
    is_wanted = await field(request, "enabled") == "yes"
    state = await asyncio.to_thread(turn, is_wanted)
    words = "Athanor starts when you log in." if state.is_on else "Athanor waits to be started."
    return done(request, words, go=f"{SETTINGS.path}#computer")


@post("/dashboard/links", guards=[change], include_in_schema=False, status_code=200)
async def links(request: ApiRequest) -> ASGIApp:
    """Open links of ours with this program, or no more."""
    is_wanted = await field(request, "enabled") == "yes"
    switch = LinkSwitch.of_this()
    state = await asyncio.to_thread(lambda: switch.turn(on=is_wanted))
    words = "open Athanor." if state.is_on else "do not open Athanor."
    return done(request, f"athanor:// links {words}", go=f"{SETTINGS.path}#computer")


@post(
    "/dashboard/settings/{section:str}", guards=[change], include_in_schema=False, status_code=200
)
async def save(request: ApiRequest) -> ASGIApp:
    """Write what was changed in one section; nothing of it when any of it is wrong."""
    services, section = services_of(request), str(request.path_params["section"])
    if section not in _SECTIONS:
        raise RequestError("there is no such section", field="section")
    typed = {
        name: value.strip()
        for name, value in (await request.form()).items()
        if name in FIELDS
        and FIELDS[name].section == section
        and isinstance(value, str)
        and await is_touched(request, name)
    }
    before = await _in_file(services)
    changes, problems = changes_of(typed, before)
    if changes and not problems:
        file = services.dashboard.config_file
        await asyncio.to_thread(save_settings, file, changes)
        await services.in_force.read_file()
    if not is_of_htmx(request):
        if problems:
            return await _page(request, typed, problems)
        return done(request, go=f"{SETTINGS.path}#{section}")
    context = {
        **frame_of(request, SETTINGS),
        **await values(services, typed if problems else {}, problems),
        "section": section,
    }
    return fragment(draw("cards/section.html", context), "" if problems else _said(changes))


async def values(
    services: Services, typed: Mapping[str, str], problems: Mapping[str, str]
) -> dict[str, object]:
    """Every section with its settings. Raises: SettingsInvalid where the file is wrong."""
    in_file = await _in_file(services)
    origins = services.dashboard.origins
    shown = [
        _shown(
            each,
            in_file=in_file,
            in_force=services.settings,
            origin=origins.get(path, DEFAULT_ORIGIN),
            typed=typed.get(path),
            problem=problems.get(path, ""),
        )
        for path, each in FIELDS.items()
        if path not in _ELSEWHERE and each.section in _SECTIONS
    ]
    return {
        "sections": {
            section: [each for each in shown if each.field.section == section]
            for section in _SECTIONS
        },
        "titles": {each: _TITLES.get(each, each.replace("_", " ").title()) for each in _SECTIONS},
        "waits": sum(bool(each.waits) for each in shown),
    }


def changes_of(
    typed: Mapping[str, str], before: Loaded
) -> tuple[dict[str, Value | None], dict[str, str]]:
    """What is to be written, and what is wrong with what was typed. Pure."""
    changes: dict[str, Value | None] = {}
    problems: dict[str, str] = {}
    for path, text in typed.items():
        setting = FIELDS[path]
        is_in_file = before.origins[path] != DEFAULT_ORIGIN
        # Who takes the last model from what is lent does not mean to lend every one.
        is_emptied_list = setting.item is not None and bool(setting.default)
        if not text and not is_emptied_list:
            if is_in_file:
                changes[path] = None
            continue
        try:
            value = _parse(setting, text)
        except ValueError:
            problems[path] = f"Allowed: {setting.allowed}."
            continue
        if not is_in_file or value != value_of(before.settings, path):
            changes[path] = value
    return changes, problems


def _said(changes: Mapping[str, Value | None]) -> str:
    if not changes:
        return "Nothing was changed."
    return (
        "Saved." if all(map(is_live, changes)) else "Saved. It holds when the server starts again."
    )


def label_of(field: Field) -> str:
    """The setting's name as words; its unit stands beside the range."""
    words = field.name.split("_")
    bound = _BOUNDS.get(words[-1], "")
    if bound:
        words.pop()
    if words[-1] in ("seconds", "bytes"):
        words.pop()
    return " ".join(word.upper() if word in _SHORT else word for word in words) + bound


def typed_of(field: Field, value: Value) -> str:
    """A value as it is typed into its field."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "\n".join(f"{item:g}" if isinstance(item, float) else item for item in value)
    if field.unit == "bytes" and isinstance(value, int):
        return _bytes(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _bytes(value: int) -> str:
    """A size in the largest unit that says it exactly."""
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if value and value % factor == 0:
            return f"{value // factor} {unit}"
    return str(value)


def _parse(field: Field, text: str) -> Value:
    """Raises: ValueError."""
    if len(text) > _TEXT_LENGTH_MAX:
        raise ValueError("too long")
    if field.item is None:
        return field.parse(text)
    # One on a line: a folder's name may hold a comma.
    items = [line.strip() for line in text.splitlines() if line.strip()]
    return field.check(items if field.item is str else [float(item) for item in items])


async def _in_file(services: Services) -> Loaded:
    """What the file says now, without environment and flags."""
    return await asyncio.to_thread(load_settings, services.dashboard.config_file, {}, {})


def _shown(
    field: Field,
    *,
    in_file: Loaded,
    in_force: Settings,
    origin: str,
    typed: str | None,
    problem: str,
) -> Shown:
    path = field.path
    written, held = value_of(in_file.settings, path), value_of(in_force, path)
    is_in_file = in_file.origins[path] != DEFAULT_ORIGIN
    is_fixed = origin.startswith(("environment", "flag"))
    words = field.words or (("true", "false") if field.base is bool else ())
    drawn = typed_of(field, written) if is_in_file else ""
    return Shown(
        field=field,
        label=label_of(field),
        kind="choice" if words else "list" if field.item is not None else "text",
        text=drawn if typed is None else typed,
        drawn=drawn,
        usual="" if is_in_file and not drawn else typed_of(field, field.default),
        allowed=field.allowed,
        words=words,
        fixed_by=origin if is_fixed else "",
        in_force=typed_of(field, held) or "nothing",
        waits="" if is_fixed or written == held else typed_of(field, written) or "nothing",
        problem=problem,
    )
