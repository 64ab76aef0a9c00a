"""Answer: one streamed answer, shown as it comes and measured."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, final

from msgspec import UNSET
from rich.console import Console

from app.wire.openai.answer import FinishReason, PromptProgress, Timings, Usage
from app.wire.openai.chat_answer import ChatChunk

_CONTROLS: Final = dict.fromkeys([*range(0x20), 0x7F, *range(0x80, 0xA0)], "\ufffd") | {
    ord("\n"): "\n",
    ord("\t"): "\t",
}


@final
@dataclass(slots=True)
class Answer:
    """What came, and how fast. `is_stopped` when the reader pressed Ctrl-C."""

    content: str = ""
    reasoning: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    first_token_seconds: float | None = None
    seconds: float = 0.0
    is_stopped: bool = False


class Face(Protocol):
    """Where an answer is shown while it comes."""

    def reading(self, progress: PromptProgress) -> None:
        """The prompt is being read."""

    def reasoned(self, text: str) -> None:
        """A piece of the model's reasoning."""

    def said(self, text: str) -> None:
        """A piece of the answer."""


def receive(chunks: Iterable[ChatChunk], face: Face) -> Answer:
    """The whole answer, shown as it comes; Ctrl-C ends it early and keeps what there is."""
    answer = Answer()
    start = time.monotonic()
    try:
        for chunk in chunks:
            if chunk.usage:
                answer.usage = chunk.usage
            if chunk.timings is not UNSET:
                answer.timings = chunk.timings
            if chunk.prompt_progress is not UNSET:
                face.reading(chunk.prompt_progress)
            for choice in chunk.choices:
                answer.finish_reason = choice.finish_reason or answer.finish_reason
                content, reasoning = choice.delta.content, choice.delta.reasoning_content
                if (content or reasoning) and answer.first_token_seconds is None:
                    answer.first_token_seconds = time.monotonic() - start
                if reasoning:
                    answer.reasoning += reasoning
                    face.reasoned(reasoning)
                if content:
                    answer.content += content
                    face.said(content)
    except KeyboardInterrupt:
        answer.is_stopped = True
    answer.seconds = time.monotonic() - start
    return answer


@final
class QuietFace:
    """Shows nothing: for `--json`."""

    def reading(self, progress: PromptProgress) -> None:
        """Nothing."""

    def reasoned(self, text: str) -> None:
        """Nothing."""

    def said(self, text: str) -> None:
        """Nothing."""


@final
class PlainFace:
    """The answer alone, byte for byte: for pipes and files."""

    def __init__(self, console: Console) -> None:
        self._file = console.file

    def reading(self, progress: PromptProgress) -> None:
        """Nothing."""

    def reasoned(self, text: str) -> None:
        """Nothing."""

    def said(self, text: str) -> None:
        """The text as it is."""
        self._file.write(text)
        self._file.flush()


@final
class TerminalFace:
    """The answer for eyes: a note while the prompt is read, reasoning dim, then the text.

    Control characters are replaced: a model must not move the cursor or rename the window.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("waiting", spinner="dots")
        self._is_waiting = False
        self._is_reasoning = False
        self._is_fresh = True

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Shows that something is under way until the first piece of the answer."""
        self._status.start()
        self._is_waiting = True
        try:
            yield
        finally:
            self._end_wait()
            if not self._is_fresh:
                self._console.print()

    def reading(self, progress: PromptProgress) -> None:
        """How far the prompt is read."""
        done = progress.cache + progress.processed
        self._status.update(
            f"reading the prompt: {min(done, progress.total)} of {progress.total} tokens"
        )

    def reasoned(self, text: str) -> None:
        """Dim, under a heading, so that it is told from the answer without colour too."""
        self._end_wait()
        if not self._is_reasoning:
            self._is_reasoning = True
            self._write("thinking:\n", style="dim italic")
        self._write(text, style="dim")

    def said(self, text: str) -> None:
        """As it is, below the reasoning."""
        self._end_wait()
        if self._is_reasoning:
            self._is_reasoning = False
            self._write("\n\n")
        self._write(text)

    def _write(self, text: str, style: str | None = None) -> None:
        self._is_fresh = False
        self._console.print(
            text.translate(_CONTROLS), style=style, end="", markup=False, soft_wrap=True
        )

    def _end_wait(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self._status.stop()
