"""Fields: the settings of the schema one by one, as values that can be listed and checked.

The loader, the saver, the flags and the documentation all walk `FIELDS`; none of them knows a
setting by name.
"""

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, final

import msgspec
from msgspec import Meta

from app.core.state.view import size
from app.settings.schema import Settings
from app.settings.sizes import parse_bytes

Value = bool | int | float | str | tuple[str, ...] | tuple[float, ...]

ENVIRONMENT_PREFIX: Final = "ATHANOR_"

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting. `annotation` is its type in the schema, with the range."""

    section: str
    name: str
    annotation: object
    base: object
    meta: Meta
    default: Value

    @property
    def path(self) -> str:
        """As it is spoken of: `server.port`."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"{ENVIRONMENT_PREFIX}{self.section}_{self.name}".upper()

    @property
    def flag(self) -> str:
        """The flag of `athanor serve`, or of `athanor pool serve`, that sets it."""
        given = self._extra.get("flag")
        return given if given is not None else "--" + self.name.replace("_", "-")

    @property
    def sentence(self) -> str:
        """What it means."""
        assert self.meta.description is not None
        return self.meta.description

    @property
    def unit(self) -> str:
        """The unit of a number, "" for what has none."""
        return self._extra.get("unit", "")

    @property
    def words(self) -> tuple[str, ...]:
        """The allowed words, in the schema's order; () where it is not a choice among words."""
        return typing.get_args(self.base) if typing.get_origin(self.base) is Literal else ()

    @property
    def item(self) -> object:
        """Of a list the type of its items, str or float, else None."""
        if typing.get_origin(self.base) is not tuple:
            return None
        item = typing.get_args(self.base)[0]
        return typing.get_args(item)[0] if typing.get_args(item) else item

    @property
    def allowed(self) -> str:
        """What may stand there: "a whole number from 0 to 65535"."""
        if "allowed" in self._extra:
            return self._extra["allowed"]
        if self.words:
            return "one of " + ", ".join(self.words)
        if self.item is not None:
            return "a list of texts" if self.item is str else "a list of numbers from 0 on"
        if self.base is bool:
            return "true or false"
        if self.base is str:
            return "a text"
        if self.unit == "bytes":
            low, high = (
                size(int(bound)) for bound in (self.meta.ge, self.meta.le) if bound is not None
            )
            return f'a size from {low} to {high}, in bytes or like "512 MiB"'
        kind = "a whole number" if self.base is int else "a number"
        return f"{kind} from {self.meta.ge} to {self.meta.le}"

    @property
    def _extra(self) -> dict[str, str]:
        return self.meta.extra or {}

    def check(self, value: object) -> Value:
        """The setting's value from one of TOML. Raises: ValueError when it is not allowed."""
        if self.unit == "bytes" and isinstance(value, str):
            value = parse_bytes(value)
        try:
            checked: Value = msgspec.convert(value, self.annotation)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        return checked

    def parse(self, text: str) -> Value:
        """The value that an environment variable or a flag means. Raises: ValueError."""
        if self.item is not None:
            items = [item.strip() for item in text.split(",") if item.strip()]
            return self.check(items if self.item is str else [float(item) for item in items])
        text = text.strip()
        if self.base is bool:
            if text.lower() not in _TRUE | _FALSE:
                raise ValueError(f"not true or false: {text!r}")
            return text.lower() in _TRUE
        if self.base is int and self.unit != "bytes":
            return self.check(int(text))
        if self.base is float:
            return self.check(float(text))
        return self.check(text)


def _fields() -> Iterator[Field]:
    for section, struct in typing.get_type_hints(Settings).items():
        defaults = struct()
        for name, annotation in typing.get_type_hints(struct, include_extras=True).items():
            base, meta = typing.get_args(annotation)
            yield Field(
                section=section,
                name=name,
                annotation=annotation,
                base=base,
                meta=meta,
                default=getattr(defaults, name),
            )


FIELDS: Final = types.MappingProxyType({field.path: field for field in _fields()})
"""Every setting by its path, in the schema's order."""

HOST_SECTION: Final = "pool_host"
"""Settings of `athanor pool serve`, which is another process than the node's server."""

SECTIONS: Final = tuple(dict.fromkeys(field.section for field in FIELDS.values()))
