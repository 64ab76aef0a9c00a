"""Bounds: the operations by which a value can grow, each asking before it does.

A bounded operation has the meaning of the Python or Jinja one that it stands for, and costs the
`Meter` what it makes. `string_methods` and `list_methods` are looked up by name when a template
calls a method; operators come from the sandbox's hook for them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from string import Formatter
from typing import Final

from jinja2.sandbox import SandboxedEnvironment, SandboxedFormatter

from app.engine.chat.fuel import LimitReached, Meter

INTEGER_BITS_MAX: Final = 4096

Method = Callable[..., object]


def add(meter: Meter, left: object, right: object) -> object:
    """`left + right`."""
    if isinstance(left, str) and isinstance(right, str):
        meter.copy(len(left) + len(right))
    elif isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        meter.hold(len(left) + len(right))
    return left + right  # type: ignore[operator]  # TypeError is the template's fault


def multiply(meter: Meter, left: object, right: object) -> object:
    """`left * right`, of numbers or of a sequence and a count."""
    for sequence, count in ((left, right), (right, left)):
        if isinstance(count, int) and count > 0:
            if isinstance(sequence, str):
                meter.copy(len(sequence) * count)
            elif isinstance(sequence, (list, tuple)):
                meter.hold(len(sequence) * count)
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right.bit_length())
    return left * right  # type: ignore[operator]  # TypeError is the template's fault


def power(meter: Meter, left: object, right: object) -> object:
    """`left ** right`."""
    meter.spend()
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() * max(right, 0))
    return left**right  # type: ignore[operator]  # TypeError is the template's fault


def modulo(meter: Meter, left: object, right: object) -> object:
    """`left % right`, of numbers or of a format and its values."""
    if isinstance(left, str):
        if re.search(r"%[^a-zA-Z%]*\*", left):
            raise LimitReached("the chat template formats to a width from its data")
        meter.copy(len(left) + _widths(left) + meter.weigh(right) * max(left.count("%"), 1))
    return left % right  # type: ignore[operator]  # TypeError is the template's fault


def concatenate(meter: Meter, operands: list[object]) -> str:
    """`a ~ b ~ c`."""
    meter.copy(sum(meter.weigh(operand) for operand in operands))
    return "".join(map(str, operands))


def _check_bits(bits: int) -> None:
    if bits > INTEGER_BITS_MAX:
        raise LimitReached("the chat template computes a number without end")


def _widths(form: str) -> int:
    """The sum of all numbers in a format: each may be a width."""
    numbers = re.findall(r"\d+", form)
    if any(len(number) > 9 for number in numbers):
        raise LimitReached("the chat template formats to an endless width")
    return sum(map(int, numbers))


class BoundedFormatter(SandboxedFormatter):
    """`str.format` whose widths and results are bounded."""

    def __init__(self, environment: SandboxedEnvironment, meter: Meter) -> None:
        super().__init__(environment)
        self._meter = meter

    def format_field(self, value: object, format_spec: str) -> str:
        """One field, written."""
        self._meter.copy(self._meter.weigh(value) + _widths(format_spec))
        return str(Formatter.format_field(self, value, format_spec))

    def convert_field(self, value: object, conversion: str | None) -> object:
        """`!r` and `!s` print a whole value."""
        self._meter.weigh(value)
        return Formatter.convert_field(self, value, conversion)


def replaced(meter: Meter, text: str, old: str, new: str, count: int = -1) -> str:
    """`text.replace(old, new, count)`."""
    found = text.count(old) if count < 0 else min(count, text.count(old))
    meter.copy(max(len(text), len(text) + found * (len(new) - len(old))))
    return text.replace(old, new, count)


def joined(meter: Meter, separator: str, parts: Iterable[str]) -> str:
    """`separator.join(parts)`."""
    elements = meter.bounded(parts)
    meter.copy(meter.weigh(elements) + len(separator) * len(elements))
    return separator.join(elements)


def _padded(name: str) -> Method:
    def pad(meter: Meter, text: str, width: int, *fill: str) -> object:
        meter.copy(max(len(text), int(width)))
        return getattr(text, name)(width, *fill)

    return pad


def _expanded(meter: Meter, text: str, tabsize: int = 8) -> str:
    meter.copy(len(text) + text.count("\t") * max(int(tabsize), 0))
    return text.expandtabs(tabsize)


def _split(name: str) -> Method:
    def split(meter: Meter, text: str, *args: object, **options: object) -> object:
        separator = args[0] if args else options.get("sep")
        if name != "splitlines" and isinstance(separator, str) and separator:
            meter.hold(text.count(separator) + 1)
        else:
            meter.hold(sum(text.count(space) for space in " \t\n\r\v\f") + 1)
        meter.copy(len(text))
        return getattr(text, name)(*args, **options)

    return split


def _deep(name: str) -> Method:
    def compare(meter: Meter, values: list[object], *args: object, **options: object) -> object:
        meter.weigh(values)
        meter.weigh(list(args))
        return getattr(values, name)(*args, **options)

    return compare


def _extended(meter: Meter, values: list[object], more: Iterable[object]) -> None:
    elements = meter.bounded(more)
    meter.hold(len(values) + len(elements))
    values.extend(elements)


def _updated(meter: Meter, target: dict[object, object], *args: object, **more: object) -> None:
    for argument in args:
        meter.hold(len(argument) if isinstance(argument, (Mapping, list)) else 1)
    target.update(*args, **more)


string_methods: Final[dict[str, Method]] = {
    "replace": replaced,
    "join": joined,
    "expandtabs": _expanded,
    **{name: _padded(name) for name in ("center", "ljust", "rjust", "zfill")},
    **{name: _split(name) for name in ("split", "rsplit", "splitlines")},
}

list_methods: Final[dict[str, Method]] = {
    "extend": _extended,
    **{name: _deep(name) for name in ("sort", "index", "count", "remove")},
}

dict_methods: Final[dict[str, Method]] = {"update": _updated}

METHODS: Final[dict[type, dict[str, Method]]] = {
    str: string_methods,
    list: list_methods,
    dict: dict_methods,
}

FORBIDDEN_ATTRIBUTES: Final = frozenset(
    {"encode", "translate", "maketrans", "to_bytes", "from_bytes", "fromkeys", "fromhex"}
)
"""Methods of plain values that can take very long or grow without bound, and serve no template."""
