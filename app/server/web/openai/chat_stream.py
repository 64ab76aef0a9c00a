"""Chat stream: an engine's events as the chunks of `chat.completion.chunk`.

For each choice: a role chunk, deltas, and a finish chunk of its own with an empty delta; then the
usage trailer if it was asked for, then [DONE]. Timings ride on the last chunk before [DONE].
"""

from collections.abc import Callable
from typing import Final, assert_never

from msgspec import UNSET

from app.server.node.router import StreamEvent
from app.server.web.openai.figures import chat_logprobs, progress_of, timings_of, usage_of
from app.server.web.openai.frames import DONE, Frames
from app.server.web.openai.pace import Pace
from app.server.web.openai.tools import is_legacy
from app.wire.engine import (
    Begun,
    CallArguments,
    CallBegun,
    Completed,
    Delta,
    Ended,
    Part,
    Progress,
    Reasoned,
    Said,
)
from app.wire.openai.answer import FinishReason
from app.wire.openai.chat import ChatRequest
from app.wire.openai.chat_answer import (
    ChatChunk,
    ChatDelta,
    ChunkChoice,
    DeltaFunction,
    DeltaToolCall,
)
from app.wire.remarks import Remarks, no_remarks

_ROLE: Final = ChatDelta(role="assistant", content="")
_NOTHING: Final = ChatDelta()


class ChatStream:
    """The chunks of one request. `head` has no choices; `now` is a steady clock in seconds.

    `remarks` tells at the end what the answer cost.
    """

    def __init__(
        self,
        request: ChatRequest,
        head: ChatChunk,
        *,
        now: float,
        remarks: Callable[[], Remarks] = no_remarks,
    ) -> None:
        self._remarks = remarks
        options = request.stream_options
        self._has_usage = options is not None and bool(options.include_usage)
        self._frames = Frames(head, has_usage=self._has_usage)
        self._choices = request.n or 1
        self._is_legacy = is_legacy(request)
        self._shows_progress = bool(request.return_progress)
        self._pace = Pace(now) if request.timings_per_token else None
        self._is_open = False
        self._held: ChunkChoice | None = None
        """The latest finish chunk, kept back since the last one carries the timings."""

    def feed(self, event: StreamEvent, now: float) -> bytes:
        """The server-sent events that `event` adds, b"" for none."""
        match event:
            case Delta():
                return self._open() + self._delta(event, now)
            case Ended():
                opened = self._open() + self._release()
                reason = finish_reason(event, legacy=self._is_legacy)
                self._held = ChunkChoice(index=event.choice, delta=_NOTHING, finish_reason=reason)
                return opened
            case Completed():
                return self._close(event)
            case Progress():
                return self._progress(event)
            case Begun():
                return b""
            case _:
                assert_never(event)

    def _open(self) -> bytes:
        """The role chunks, once."""
        if self._is_open:
            return b""
        self._is_open = True
        choices = range(self._choices)
        return b"".join(self._frame(ChunkChoice(index=each, delta=_ROLE)) for each in choices)

    def _frame(self, choice: ChunkChoice) -> bytes:
        if self._pace is None:
            return self._frames.frame(choice)
        return self._frames.timed(choice, self._pace.timings())

    def _release(self) -> bytes:
        held, self._held = self._held, None
        return b"" if held is None else self._frames.frame(held)

    def _delta(self, event: Delta, now: float) -> bytes:
        if self._pace is not None:
            self._pace.see_delta(event, now)
        logprobs = chat_logprobs(event.logprobs)
        deltas = [delta_of(part, legacy=self._is_legacy) for part in event.parts]
        if logprobs is not None and not deltas:
            deltas = [_NOTHING]  # Text is held back, its tokens' probabilities are not.
        sent = b""
        for delta in deltas:
            choice = ChunkChoice(index=event.choice, delta=delta, logprobs=logprobs)
            sent += self._frame(choice)
            logprobs = None
        return self._release() + sent if sent else b""

    def _progress(self, event: Progress) -> bytes:
        if self._pace is not None:
            self._pace.see_progress(event)
        if not self._shows_progress:
            return b""
        choice = ChunkChoice(index=0, delta=_NOTHING)
        return self._open() + self._frames.progress(choice, progress_of(event))

    def _close(self, event: Completed) -> bytes:
        timings, remarks = timings_of(event.usage, event.timings), self._remarks()
        usage = usage_of(event.usage, remarks)
        if self._has_usage:
            return self._release() + self._frames.trailer(usage, timings) + DONE
        held, self._held = self._held, None
        assert held is not None, "Completed follows an Ended"
        # Who pays is told what, though many clients do not know to ask for it.
        return self._frames.timed(held, timings, UNSET if remarks.cost is None else usage) + DONE


def delta_of(part: Part, *, legacy: bool) -> ChatDelta:
    """What a piece of the answer adds. Of the older API only the first call can be told."""
    match part:
        case Said(text=text):
            return ChatDelta(content=text)
        case Reasoned(text=text):
            return ChatDelta(reasoning_content=text)
        case CallBegun(index=index, id=call_id, name=name):
            function = DeltaFunction(name=name, arguments="")
            if legacy:
                return ChatDelta(function_call=function)
            call = DeltaToolCall(index=index, id=call_id, type="function", function=function)
            return ChatDelta(tool_calls=[call])
        case CallArguments(index=index, text=text):
            function = DeltaFunction(arguments=text)
            if legacy:
                return ChatDelta(function_call=function)
            return ChatDelta(tool_calls=[DeltaToolCall(index=index, function=function)])
        case _:
            assert_never(part)


def finish_reason(event: Ended, *, legacy: bool) -> FinishReason:
    """Why the choice ended, in the words of the request's API."""
    if legacy and event.reason == "tool_calls":
        return "function_call"
    return event.reason
