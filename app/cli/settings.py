"""`athanor settings`: what is in force, and edits of the file."""

import difflib
import os

import click
import msgspec
import rich_click

from app.cli.command import command
from app.cli.exit_codes import Exit, NotFound
from app.cli.output import note, print_json, print_table, stdout
from app.client.errors import NoServer, ServerRefused, ServerSilent
from app.core.base.errors import SettingsInvalid
from app.settings.fields import FIELDS, HOST_SECTION, Field, Value
from app.settings.load import Loaded, load_settings
from app.settings.paths import Paths
from app.settings.save import save_settings, toml_of


class SettingShown(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it is in force; `origin` is "default", a line of the file or a variable."""

    name: str
    value: Value
    default: Value
    origin: str
    allowed: str
    description: str


class SettingsShown(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that were asked for, in the order of docs/settings.md."""

    file: str
    settings: tuple[SettingShown, ...]


class PathsShown(msgspec.Struct, frozen=True, kw_only=True):
    """Where Athanor keeps its files."""

    config_file: str
    data: str
    models: str
    cache: str
    logs: str
    runtime: str


@rich_click.group("settings")
def settings() -> None:
    """Show and change settings, and show where files are kept."""


@command(
    "show",
    examples=(
        ("all settings and where they come from", "athanor settings show"),
        ("one, with what is allowed", "athanor settings show server.port"),
    ),
    answer=SettingsShown,
)
@click.argument("name", required=False)
def show(name: str | None, is_json: bool) -> int:
    """Show the settings in force: file, then environment."""
    paths = Paths.find()
    loaded = load_settings(paths.config_file, os.environ, {})
    fields = [_field(name)] if name else list(FIELDS.values())
    if is_json:
        shown = tuple(_shown(field, loaded) for field in fields)
        print_json(SettingsShown(file=str(paths.config_file), settings=shown))
    elif name:
        (field,) = fields
        out = stdout()
        line = f"{field.path} = {toml_of(_value(field, loaded))}  ({loaded.origins[field.path]})"
        for text in (line, field.sentence, f"allowed: {field.allowed}", _default_line(field)):
            out.print(text, markup=False, soft_wrap=True)
    else:
        print_table(
            ("SETTING", "VALUE", "FROM"),
            [(f.path, toml_of(_value(f, loaded)), loaded.origins[f.path]) for f in fields],
        )
    return Exit.OK


@command(
    "set",
    examples=(
        ("another port", "athanor settings set server.port 8000"),
        ("two more folders with models", "athanor settings set models.folders ~/gguf,/mnt/models"),
    ),
)
@click.argument("name")
@click.argument("value")
def set_(name: str, value: str) -> int:
    """Write one setting to the file; the rest of the file stays as it is."""
    field = _field(name)
    try:
        parsed = field.parse(value)
    except ValueError:
        raise SettingsInvalid(f"{name} is {value}; allowed: {field.allowed}") from None
    _save(field, parsed)
    return Exit.OK


@command(
    "unset",
    examples=(("back to the default", "athanor settings unset server.port"),),
)
@click.argument("name")
def unset(name: str) -> int:
    """Take one setting out of the file, so that its default holds."""
    _save(_field(name), None)
    return Exit.OK


@command(
    "path",
    examples=(("where the settings file is, and the models folder", "athanor settings path"),),
    answer=PathsShown,
)
def path(is_json: bool) -> int:
    """Show where Athanor keeps its files."""
    paths = Paths.find()
    shown = PathsShown(
        config_file=str(paths.config_file),
        data=str(paths.data),
        models=str(paths.models),
        cache=str(paths.cache),
        logs=str(paths.logs),
        runtime=str(paths.runtime),
    )
    if is_json:
        print_json(shown)
    else:
        print_table(("WHAT", "WHERE"), list(msgspec.structs.asdict(shown).items()))
    return Exit.OK


for _subcommand in (show, set_, unset, path):
    settings.add_command(_subcommand)


def _save(field: Field, value: Value | None) -> None:
    paths = Paths.find()
    save_settings(paths.config_file, {field.path: value})
    stdout().print(f"{paths.config_file} is written.", markup=False, soft_wrap=True)
    if os.environ.get(field.variable):
        note(f"The environment variable {field.variable} is set and wins over the file.")
    if field.section != HOST_SECTION:
        _tell_server(paths, field)


def _tell_server(paths: Paths, field: Field) -> None:
    """Has the running server go by the file, and says from when on it does."""
    from app.client.client import Client  # noqa: PLC0415  # its HTTP takes as long as all the rest

    try:
        with Client.find(paths) as client:
            read = client.read_settings()
    except NoServer:
        return
    except (ServerSilent, ServerRefused) as error:
        note(f"The running server could not be told: {error}.")
        return
    if field.path in read.fixed:
        note("The running server was started with another value, which wins over the file.")
    elif field.path in read.waiting:
        note(
            "It holds when the server starts again: `athanor stop`, then `athanor serve`; or quit "
            "and start it from the tray."
        )
    else:
        note("The running server goes by it now.")


def _field(name: str) -> Field:
    if name not in FIELDS:
        nearest = difflib.get_close_matches(name, FIELDS, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise NotFound(
            f"there is no setting {name}{hint}", remedy="`athanor settings show` lists them."
        )
    return FIELDS[name]


def _value(field: Field, loaded: Loaded) -> Value:
    value: Value = getattr(getattr(loaded.settings, field.section), field.name)
    return value


def _default_line(field: Field) -> str:
    return f"default: {toml_of(field.default)}; environment: {field.variable}; flag: {field.flag}"


def _shown(field: Field, loaded: Loaded) -> SettingShown:
    return SettingShown(
        name=field.path,
        value=_value(field, loaded),
        default=field.default,
        origin=loaded.origins[field.path],
        allowed=field.allowed,
        description=field.sentence,
    )
