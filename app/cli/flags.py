"""Flags that are settings: drawn from the schema, so that each is named and explained once."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

import msgspec
import rich_click

from app.cli.command import SETTING_PANELS
from app.core.base.errors import SettingsInvalid
from app.core.state.view import size
from app.settings.fields import FIELDS, Field, Value
from app.settings.save import toml_of
from app.wire.local import LoadRequest

F = TypeVar("F", bound=Callable[..., object])

WISHES: Final = (
    *("engine.context", "engine.cells", "engine.sequences", "engine.gpu_layers"),
    *("engine.key_type", "engine.value_type", "engine.flash_attention", "engine.threads"),
    "models.keep_alive_seconds",
)
"""Settings that one load may overrule."""


def setting_flags(paths: Iterable[str], *, also_without: str = "") -> Callable[[F], F]:
    """Adds a flag for each setting; their texts arrive by the names of the fields.

    A flag that begins with `also_without` is known without it too: `--pool-port` as `--port`.
    """

    def add(function: F) -> F:
        for field in reversed([FIELDS[path] for path in paths]):
            function = rich_click.option(
                *_names(field, also_without),
                field.name,
                metavar=_metavar(field),
                panel=SETTING_PANELS[field.section],
                help=f"{_sentence(field)} Default: {_default(field)}.",
            )(function)
        return function

    return add


def _names(field: Field, also_without: str) -> list[str]:
    short = f"--{field.flag.removeprefix(also_without)}"
    has_short = also_without and field.flag.startswith(also_without)
    return [short, field.flag] if has_short else [field.flag]


def by_path(texts: Mapping[str, str | None]) -> dict[str, str | None]:
    """The flags' texts by the paths of their settings, as the loader takes them."""
    return {field.path: texts[field.name] for field in FIELDS.values() if field.name in texts}


def load_request(model: str, texts: Mapping[str, str | None]) -> LoadRequest:
    """A request to load by the given wishes. Raises: SettingsInvalid for a wrong one."""
    wishes: dict[str, Value] = {}
    for path in WISHES:
        field = FIELDS[path]
        text = texts.get(field.name)
        if text is not None:
            wishes[field.name] = _parsed(field, text)
    return msgspec.convert({"model": model, **wishes}, LoadRequest)


def _parsed(field: Field, text: str) -> Value:
    try:
        return field.parse(text)
    except ValueError:
        raise SettingsInvalid(
            f"flag {field.flag}: it is {text}; allowed: {field.allowed}"
        ) from None


def _sentence(field: Field) -> str:
    """With the words that are too many for the metavar."""
    return f"{field.sentence[:-1]}; {field.allowed}." if len(field.words) > 4 else field.sentence


def _metavar(field: Field) -> str:
    if field.words:
        return "|".join(field.words) if len(field.words) <= 4 else "TYPE"
    if field.item is not None:
        return "LIST"
    if field.base is bool:
        return "true|false"
    return "TEXT" if field.base is str else (field.unit or "number").upper()


def _default(field: Field) -> str:
    if isinstance(field.default, int) and field.unit == "bytes":
        return size(field.default)
    return "empty" if field.default in ("", ()) else toml_of(field.default).strip('"')
