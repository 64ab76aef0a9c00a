"""Text answer: engine events of one or several prompts as the older API's completions.

Prompt p's choice c has the index p * n + c. In a stream each choice ends with a chunk of empty
text that has the finish reason; usage and timings are of all prompts together.
"""

from collections.abc import Callable
from typing import assert_never

from msgspec import UNSET

from app.core.base.ids import RequestId
from app.server.node.router import StreamEvent
from app.server.web.openai.figures import (
    TextOffsets,
    longest_timings,
    progress_of,
    sum_usages,
    timings_of,
    usage_of,
)
from app.server.web.openai.frames import DONE, Frames
from app.server.web.openai.pace import Pace
from app.wire import engine
from app.wire.engine import Begun, Completed, Delta, Ended, Progress, Said
from app.wire.openai.answer import Timings, Usage
from app.wire.openai.completions import (
    CompletionRequest,
    TextChoice,
    TextCompletion,
    TextFinishReason,
    TextLogprobs,
)
from app.wire.remarks import NO_REMARKS, Remarks, no_remarks


def text_of_parts(event: Delta) -> str:
    """The text of a Delta; a raw prompt's answer has no other parts."""
    return "".join(part.text for part in event.parts if isinstance(part, Said))


def _reason(event: Ended) -> TextFinishReason:
    """The older API knows no tool calls."""
    return "length" if event.reason == "length" else "stop"


class _Totals:
    """What the prompts cost together; complete when each has said Completed."""

    def __init__(self, prompts: int) -> None:
        self._open = prompts
        self._usages: list[engine.Usage] = []
        self._timings: list[engine.Timings] = []

    def add(self, event: Completed) -> bool:
        """Whether this was the last prompt."""
        self._usages.append(event.usage)
        self._timings.append(event.timings)
        self._open -= 1
        return self._open == 0

    def usage(self, remarks: Remarks) -> Usage:
        return usage_of(sum_usages(self._usages), remarks)

    def timings(self) -> Timings:
        return timings_of(sum_usages(self._usages), longest_timings(self._timings))


class TextStream:
    """The chunks of one request. `requests` are the engine requests of its prompts, in order."""

    def __init__(
        self,
        request: CompletionRequest,
        head: TextCompletion,
        requests: list[RequestId],
        *,
        now: float,
        remarks: Callable[[], Remarks] = no_remarks,
    ) -> None:
        self._remarks = remarks
        options = request.stream_options
        self._has_usage = options is not None and bool(options.include_usage)
        self._frames = Frames(head, has_usage=self._has_usage)
        choices = request.n or 1
        self._first = {each: place * choices for place, each in enumerate(requests)}
        self._offsets = [TextOffsets() for _ in range(len(requests) * choices)]
        self._with_top = bool(request.logprobs)
        self._shows_progress = bool(request.return_progress)
        self._pace = Pace(now) if request.timings_per_token else None
        self._totals = _Totals(len(requests))
        self._held: TextChoice | None = None

    def feed(self, event: StreamEvent, now: float) -> bytes:
        """The server-sent events that `event` adds, b"" for none."""
        match event:
            case Delta():
                return self._delta(event, now)
            case Ended():
                index = self._first[event.request] + event.choice
                released = self._release()
                self._held = TextChoice(index=index, text="", finish_reason=_reason(event))
                return released
            case Completed():
                return self._close() if self._totals.add(event) else b""
            case Progress():
                return self._progress(event)
            case Begun():
                return b""
            case _:
                assert_never(event)

    def _release(self) -> bytes:
        held, self._held = self._held, None
        return b"" if held is None else self._frames.frame(held)

    def _delta(self, event: Delta, now: float) -> bytes:
        if self._pace is not None:
            self._pace.see_delta(event, now)
        index = self._first[event.request] + event.choice
        logprobs = self._offsets[index].shape(event.logprobs, with_top=self._with_top)
        text = text_of_parts(event)
        if not text and logprobs is None:
            return b""
        choice = TextChoice(index=index, text=text, logprobs=logprobs)
        if self._pace is not None:
            return self._release() + self._frames.timed(choice, self._pace.timings())
        return self._release() + self._frames.frame(choice)

    def _progress(self, event: Progress) -> bytes:
        if self._pace is not None:
            self._pace.see_progress(event)
        if not self._shows_progress:
            return b""
        choice = TextChoice(index=self._first[event.request], text="")
        return self._frames.progress(choice, progress_of(event))

    def _close(self) -> bytes:
        timings, remarks = self._totals.timings(), self._remarks()
        usage = self._totals.usage(remarks)
        if self._has_usage:
            return self._release() + self._frames.trailer(usage, timings) + DONE
        held, self._held = self._held, None
        assert held is not None, "Completed follows an Ended"
        return self._frames.timed(held, timings, UNSET if remarks.cost is None else usage) + DONE


class TextWhole:
    """Gathers the events of one request into one answer."""

    def __init__(self, request: CompletionRequest, requests: list[RequestId]) -> None:
        choices = request.n or 1
        count = len(requests) * choices
        self._first = {each: place * choices for place, each in enumerate(requests)}
        self._texts: list[list[str]] = [[] for _ in range(count)]
        self._logprobs: list[list[engine.TokenLogprob]] = [[] for _ in range(count)]
        self._reasons: list[TextFinishReason] = ["stop"] * count
        self._with_top = bool(request.logprobs)
        self._totals = _Totals(len(requests))

    def feed(self, event: StreamEvent) -> None:
        """Take one event in."""
        match event:
            case Delta():
                index = self._first[event.request] + event.choice
                self._texts[index].append(text_of_parts(event))
                self._logprobs[index] += event.logprobs
            case Ended():
                index = self._first[event.request] + event.choice
                self._reasons[index] = _reason(event)
            case Completed():
                self._totals.add(event)
            case Begun() | Progress():
                pass
            case _:
                assert_never(event)

    def answer(self, head: TextCompletion, remarks: Remarks = NO_REMARKS) -> TextCompletion:
        """The whole answer, after the last `Completed`; `head` has no choices."""
        return TextCompletion(
            id=head.id,
            created=head.created,
            model=head.model,
            system_fingerprint=head.system_fingerprint,
            choices=[self._choice(index) for index in range(len(self._texts))],
            usage=self._totals.usage(remarks),
            timings=self._totals.timings(),
        )

    def _choice(self, index: int) -> TextChoice:
        return TextChoice(
            index=index,
            text="".join(self._texts[index]),
            logprobs=self._shape(index),
            finish_reason=self._reasons[index],
        )

    def _shape(self, index: int) -> TextLogprobs | None:
        return TextOffsets().shape(self._logprobs[index], with_top=self._with_top)
