"""ChatTemplate: a model's chat template, rendered safely.

The template comes with the model, so from a stranger: it runs in `ChatSandbox` within `Limits`.
Whatever goes wrong in it ends as TemplateFailed with the template's own words; nothing else leaves
this file. The present time is an argument.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic
from typing import Final, final

from jinja2 import meta, nodes
from jinja2.exceptions import TemplateError, TemplateSyntaxError

from app.core.base.errors import TemplateFailed
from app.engine.chat.fuel import Limits, Meter
from app.engine.chat.rewrite import metered
from app.engine.chat.sandbox import ChatSandbox, Refused

SOURCE_CHARACTERS_MAX: Final = 1024 * 1024

_FAILURES: Final = (
    TemplateError,
    TypeError,
    ValueError,
    LookupError,
    ArithmeticError,
    AttributeError,
    NameError,
    SyntaxError,
    AssertionError,
    RuntimeError,
    StopIteration,
    MemoryError,
)
"""What a wrong program can raise: Python's own errors too, since a template becomes Python."""


@final
class ChatTemplate:
    """One template, compiled. Thread-safe; renders one conversation at a time.

    Raises: TemplateFailed from the constructor when the source is no template.
    """

    def __init__(
        self,
        source: str,
        *,
        now: Callable[[], datetime] = datetime.now,
        clock: Callable[[], float] = monotonic,
        limits: Limits | None = None,
    ) -> None:
        self.source = source
        self._meter = Meter(limits or Limits(), clock)
        self._lock = threading.Lock()
        if len(source) > SOURCE_CHARACTERS_MAX:
            raise TemplateFailed(f"the chat template has {len(source)} characters")
        sandbox = ChatSandbox(self._meter, lambda form: now().strftime(form))
        self._meter.start()
        try:
            parsed = sandbox.parse(source)
            self.variables = frozenset(meta.find_undeclared_variables(parsed))
            """Names that the template expects from outside."""
            self.texts = frozenset(
                constant.value
                for constant in parsed.find_all(nodes.Const)
                if isinstance(constant.value, str)
            )
            """String constants of the template."""
            self._template = sandbox.from_string(metered(parsed))
        except _FAILURES as error:
            raise _failed(error) from error

    def render(self, variables: Mapping[str, object]) -> str:
        """The prompt for `variables`, which are JSON values and are not changed by us.

        Raises: TemplateFailed.
        """
        with self._lock:
            self._meter.start()
            pieces: list[str] = []
            characters = 0
            try:
                for piece in self._template.generate(variables):
                    pieces.append(piece)
                    characters += len(piece)
                    self._meter.copy(characters if characters > self._meter.limits.text else 0)
            except _FAILURES as error:
                raise _failed(error) from error
        return "".join(pieces)


def _failed(error: BaseException) -> TemplateFailed:
    """The failure as the caller is told it."""
    if isinstance(error, Refused):
        return TemplateFailed(str(error) or "the chat template refused", field="messages")
    said = error.message if isinstance(error, TemplateError) else None
    if isinstance(error, RecursionError):
        said = "it calls itself without end"
    elif isinstance(error, MemoryError):
        said = "it needs too much memory"
    said = said or f"{type(error).__name__}: {error}"
    line = error.lineno if isinstance(error, TemplateSyntaxError) else _line(error)
    where = f" at line {line}" if line else ""
    return TemplateFailed(f"the chat template failed{where}: {said}", field="messages")


def _line(error: BaseException) -> int:
    """The template's line that failed; Jinja puts it into the traceback. 0 where there is none."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in {"<template>", "<unknown>"}:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
