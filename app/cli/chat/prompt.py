"""Prompt: the line of a chat, edited with prompt_toolkit, as `athanor run` wants it.

Imported where a chat begins and nowhere else: a single question need not wait for it. Not yet run
on Windows.
"""

import sys
from collections.abc import Callable, Sequence

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout.processors import TabsProcessor
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.defaults import create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle


def edited_line(words: Sequence[str], more: str) -> Callable[[str], str] | None:
    """What reads a line; None where the system has no console to edit it in.

    Tab completes one of `words` at the line's beginning; `more` stands before each further line of
    a message.
    """
    screen = _screen()
    if screen is None:
        return None
    session: PromptSession[str] = PromptSession(
        history=InMemoryHistory(),
        completer=WordCompleter(words, sentence=True),
        complete_style=CompleteStyle.READLINE_LIKE,
        key_bindings=_keys(),
        enable_suspend=True,
        prompt_continuation=lambda _width, _line, wraps: "" if wraps else more,
        input_processors=[TabsProcessor(char1=" ", char2=" ")],
        color_depth=ColorDepth.DEPTH_1_BIT,
        # No menu opens, so the terminal need not scroll to make room for one.
        reserve_space_for_menu=0,
        output=screen,
    )
    return session.prompt


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("c-j")
    def _end_line(event: KeyPressEvent) -> None:
        """Ctrl-J ends a line of the message; Enter alone sends."""
        event.current_buffer.insert_text("\n")

    return keys


def _screen() -> Output | None:
    """Where lines are shown; None on a Windows without a console."""
    if sys.platform == "win32":
        from prompt_toolkit.output.win32 import (  # noqa: PLC0415  # on Windows alone
            NoConsoleScreenBufferError,
        )

        try:
            return create_output(sys.stdout)
        except NoConsoleScreenBufferError:
            return None
    screen = create_output(sys.stdout)
    if isinstance(screen, Vt100_Output):
        # A terminal that is asked where its cursor is, and does not say, gets a warning shown.
        screen.enable_cpr = False
    return screen
