"""Filters: Jinja's own, metered, and those that chat templates know from elsewhere.

`tojson` is as transformers has it: plain JSON with the text as it is, not HTML-safe.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Final

from jinja2 import Environment, pass_environment
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.tests import TESTS
from markupsafe import escape

from app.engine.chat.bounds import add, concatenate, joined, modulo, replaced
from app.engine.chat.fuel import LimitReached, Meter
from app.engine.chat.rewrite import CONCATENATE, TICK, WEIGHED

Filter = Callable[..., object]

_LEFT_OUT: Final = {"random", "urlize", "xmlattr", "striptags", "forceescape"}
"""Chance, and what is only for web pages."""

_DEEP: Final = {"sort", "unique", "groupby", "max", "min", "dictsort", "pprint", "string"}
"""Filters that compare or print whole values."""

_COUNTING: Final = {"batch", "slice", "truncate"}
"""Filters that make as much as a number says."""

_DEEP_TESTS: Final = {
    *("==", "eq", "equalto", "!=", "ne", ">", "gt", "greaterthan", ">=", "ge"),
    *("<", "lt", "lessthan", "<=", "le", "in"),
}

SEPARATORS_MAX: Final = 16
ROUND_DIGITS_MAX: Final = 32


_TESTS: Final[dict[str, Callable[..., bool]]] = dict(TESTS)  # type: ignore[arg-type]  # Jinja has it untyped


def filters_of(meter: Meter) -> dict[str, Filter]:
    """All filters a template may use, costing `meter`."""
    table: dict[str, Filter] = {
        name: _metered(meter, function, is_deep=name in _DEEP, counts=name in _COUNTING)
        for name, function in FILTERS.items()
        if name not in _LEFT_OUT
    }
    table |= _texts(meter) | _lists(meter)
    table[TICK] = meter.copy
    table[CONCATENATE] = lambda operands: concatenate(meter, operands)
    table[WEIGHED] = lambda value: _weighed(meter, value)
    return table


def tests_of(meter: Meter) -> dict[str, Callable[..., bool]]:
    """All tests a template may use; those that compare weigh first."""

    def weighing(function: Callable[..., bool]) -> Callable[..., bool]:
        @wraps(function)
        def test(*args: object) -> bool:
            for argument in args:
                _weighed(meter, argument)
            return function(*args)

        return test

    return {
        name: weighing(function) if name in _DEEP_TESTS else function
        for name, function in _TESTS.items()
    }


def _weighed(meter: Meter, value: object) -> object:
    if isinstance(value, (list, tuple, dict)):
        meter.weigh(value)
    return value


def _metered(meter: Meter, function: Filter, *, is_deep: bool, counts: bool) -> Filter:
    """The filter, with numbers that are counts bounded and its result admitted."""

    @wraps(function)  # also keeps Jinja's mark for filters that want the environment
    def run(*args: object, **options: object) -> object:
        meter.spend()
        for argument in (*args, *options.values()):
            if counts and isinstance(argument, int):
                meter.hold(abs(argument))
            elif is_deep:
                _weighed(meter, argument)
        return meter.admit(function(*args, **options))

    return run


def _tojson(meter: Meter) -> Filter:
    """JSON as transformers writes it: the text as it is, nothing made safe for pages."""

    def tojson(
        value: object,
        ensure_ascii: bool = False,
        indent: int | str | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        if isinstance(value, Iterator):
            value = meter.bounded(value)
        characters = meter.weigh(value)
        if indent is not None and len(str(indent)) > 2:
            raise LimitReached("tojson indents endlessly")
        if separators is not None and sum(map(len, separators)) > SEPARATORS_MAX:
            raise LimitReached("tojson has endless separators")
        meter.copy(characters)
        return meter.admit(
            json.dumps(
                value,
                ensure_ascii=ensure_ascii,
                indent=indent,
                separators=separators,
                sort_keys=sort_keys,
            )
        )

    return tojson


def _texts(meter: Meter) -> dict[str, Filter]:
    """Filters that make text."""

    def join(
        environment: Environment,
        value: Iterable[object],
        d: str = "",
        attribute: str | int | None = None,
    ) -> str:
        elements = meter.bounded(value)
        if attribute is not None:
            elements = list(map(make_attrgetter(environment, attribute), elements))
        meter.weigh(elements)
        return joined(meter, str(d), list(map(str, elements)))

    def indent(s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> object:
        meter.copy(len(s) + (s.count("\n") + 1) * (len(width) if isinstance(width, str) else width))
        return FILTERS["indent"](s, width, first, blank)

    def wordwrap(
        environment: Environment, s: str, width: int = 79, *rest: object, **options: object
    ) -> object:
        wrap = options.get("wrapstring", rest[1] if len(rest) > 1 else "\n")
        meter.copy(len(s) * (1 + len(str(wrap)) // max(width, 1)) + len(str(wrap)))
        return meter.admit(FILTERS["wordwrap"](environment, s, width, *rest, **options))

    return {
        "tojson": _tojson(meter),
        "join": pass_environment(join),
        "indent": indent,
        "wordwrap": pass_environment(wordwrap),
        "replace": lambda s, old, new, count=-1: replaced(meter, str(s), old, new, count),
        "format": lambda s, *args, **options: modulo(meter, str(s), options or args),
        "center": lambda s, width=80: _centred(meter, str(s), width),
        "e": lambda s: meter.admit(str(escape(s))),
        "escape": lambda s: meter.admit(str(escape(s))),
        # Markup would escape what it is added to: `safe` is for pages, here it changes nothing
        "safe": lambda s: s,
    }


def _centred(meter: Meter, text: str, width: int) -> str:
    meter.copy(max(len(text), width))
    return text.center(width)


def _lists(meter: Meter) -> dict[str, Filter]:
    """Filters that make lists and numbers."""

    def total(
        environment: Environment,
        iterable: Iterable[object],
        attribute: str | int | None = None,
        start: object = 0,
    ) -> object:
        elements = meter.bounded(iterable)
        if attribute is not None:
            elements = list(map(make_attrgetter(environment, attribute), elements))
        for element in elements:
            start = add(meter, start, element)
        return start

    def rounded(value: float, precision: int = 0, method: str = "common") -> object:
        if abs(precision) > ROUND_DIGITS_MAX:
            raise LimitReached("the chat template rounds to endless digits")
        return FILTERS["round"](value, precision, method)

    return {
        "list": meter.bounded,
        "sum": pass_environment(total),
        "round": rounded,
    }
