"""Sandbox: the Jinja environment in which a stranger's template runs.

Allowed is what chat templates do: build lists and dictionaries of their own, call methods of plain
values, define macros. Not allowed is what reaches out of the template or never ends: private and
internal attributes, loading other templates, and any growth that `bounds` and `fuel` refuse.
"""

from collections.abc import Callable
from types import BuiltinMethodType
from typing import Final, NoReturn, final

from jinja2 import pass_context
from jinja2.exceptions import TemplateError
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import SandboxedEnvironment

from app.engine.chat.bounds import (
    FORBIDDEN_ATTRIBUTES,
    METHODS,
    BoundedFormatter,
    add,
    modulo,
    multiply,
    power,
)
from app.engine.chat.filters import filters_of, tests_of
from app.engine.chat.fuel import Meter
from app.engine.chat.rewrite import GenerationTag

STRFTIME_CHARACTERS_MAX: Final = 200

_DICT_ATTRIBUTES: Final = frozenset(dir(dict))

_SCOPES: Final = ("_loop_vars", "_block_vars")
"""What compiled templates add to calls within loops and blocks, for functions of the context."""

_OPERATORS: Final[dict[str, Callable[[Meter, object, object], object]]] = {
    "+": add,
    "*": multiply,
    "**": power,
    "%": modulo,
}


class Refused(TemplateError):
    """The template itself says no, by `raise_exception`."""


def _raise_exception(message: object = "") -> NoReturn:
    raise Refused(str(message))


@final
class ChatSandbox(SandboxedEnvironment):
    """The environment of one template; renders one conversation at a time.

    `strftime` formats the present moment: a template may write today's date.
    """

    intercepted_binops = frozenset(_OPERATORS)

    def __init__(self, meter: Meter, strftime: Callable[[str], str]) -> None:
        @pass_context  # keeps Jinja from printing constants while it compiles
        def finalize(context: Context, value: object) -> object:
            meter.weigh(value)
            return value

        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols", GenerationTag],
            optimized=False,  # else constant expressions run while it compiles, unmetered
            finalize=finalize,
        )
        self._meter = meter
        self.filters.clear()
        self.filters.update(filters_of(meter))
        self.tests.update(tests_of(meter))
        del self.globals["lipsum"]
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = lambda form: strftime(str(form)[:STRFTIME_CHARACTERS_MAX])

    def getattr(self, obj: object, attribute: str) -> object:
        """`obj.attribute`; for a dictionary the item of that name, at once."""
        if type(obj) is dict and attribute not in _DICT_ATTRIBUTES:
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        """Whether a template may see it."""
        return attr not in FORBIDDEN_ATTRIBUTES and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: object) -> Callable[..., str] | None:
        """`str.format`, bounded; None for anything else."""
        if not isinstance(value, BuiltinMethodType) or not isinstance(value.__self__, str):
            return None
        if value.__name__ not in {"format", "format_map"}:
            return None
        text, formatter = value.__self__, BoundedFormatter(self, self._meter)
        if value.__name__ == "format_map":
            return lambda fields: formatter.vformat(text, (), fields)
        return lambda *args, **fields: formatter.vformat(text, args, fields)

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """A binary operator that can grow its operands."""
        return _OPERATORS[operator](self._meter, left, right)

    def call(self, __context: Context, __obj: object, *args: object, **kwargs: object) -> object:
        """Any call that a template makes."""
        meter = self._meter
        meter.enter()
        try:
            if isinstance(__obj, BuiltinMethodType):
                owner = __obj.__self__
                bounded = METHODS.get(type(owner), {}).get(__obj.__name__)
                if bounded is not None:
                    for name in _SCOPES:
                        kwargs.pop(name, None)
                    return meter.admit(bounded(meter, owner, *args, **kwargs))
                return meter.admit(super().call(__context, __obj, *args, **kwargs))
            if isinstance(__obj, Undefined):
                __obj()  # says which name it is that is not there
            return super().call(__context, __obj, *args, **kwargs)
        finally:
            meter.leave()
