"""Frames: what every chunk of one stream has in common, encoded once.

A streamed token costs one small encode and two joins; id, model and the rest are bytes made when
the stream began.
"""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from app.wire.openai.answer import PromptProgress, Timings, Usage
from app.wire.openai.chat_answer import ChatChunk
from app.wire.openai.completions import TextCompletion

DONE: Final = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode
_EMPTY_END: Final = b"]}"


class Frames:
    """Makes the server-sent events of one stream."""

    def __init__(self, chunk: ChatChunk | TextCompletion, *, has_usage: bool) -> None:
        """`chunk` has no choices; `has_usage` puts `usage: null` into every event but the last."""
        whole = _encode(chunk)
        assert whole.endswith(b"[" + _EMPTY_END), "choices must be the last field that is set"
        self._head = b"data: " + whole[: -len(_EMPTY_END)]
        self._usage = b',"usage":null' if has_usage else b""
        self._tail = b"]" + self._usage + b"}\n\n"

    def frame(self, choice: msgspec.Struct) -> bytes:
        """An event of one choice."""
        return self._head + _encode(choice) + self._tail

    def timed(
        self, choice: msgspec.Struct, timings: Timings, usage: Usage | UnsetType = UNSET
    ) -> bytes:
        """The same with timings; with the usage too where clients want it though nobody asked."""
        told = self._usage if usage is UNSET else b',"usage":' + _encode(usage)
        extra = b',"timings":' + _encode(timings)
        return self._head + _encode(choice) + b"]" + told + extra + b"}\n\n"

    def progress(self, choice: msgspec.Struct, progress: PromptProgress) -> bytes:
        """The same with the progress of the prompt."""
        extra = b',"prompt_progress":' + _encode(progress)
        return self._head + _encode(choice) + b"]" + self._usage + extra + b"}\n\n"

    def trailer(self, usage: Usage, timings: Timings | UnsetType = UNSET) -> bytes:
        """The event that tells the usage, without choices."""
        extra = b"" if timings is UNSET else b',"timings":' + _encode(timings)
        return self._head + b'],"usage":' + _encode(usage) + extra + b"}\n\n"
