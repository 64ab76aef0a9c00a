"""Chat whole: an engine's events gathered into one `chat.completion`."""

from typing import assert_never

from msgspec import UNSET

from app.server.node.router import StreamEvent
from app.server.web.openai.chat_stream import finish_reason
from app.server.web.openai.figures import chat_logprobs, timings_of, usage_of
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
    TokenLogprob,
)
from app.wire.openai.answer import FinishReason
from app.wire.openai.chat import ChatRequest
from app.wire.openai.chat_answer import (
    AnswerMessage,
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    FunctionCall,
    MessageToolCall,
)
from app.wire.remarks import NO_REMARKS, Remarks


class _Call:
    """A tool call under way."""

    def __init__(self, begun: CallBegun) -> None:
        self.begun = begun
        self.arguments: list[str] = []

    def function(self) -> FunctionCall:
        return FunctionCall(name=self.begun.name, arguments="".join(self.arguments))


class _Choice:
    """One answer under way."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.reasoned: list[str] = []
        self.calls: dict[int, _Call] = {}
        self.logprobs: list[TokenLogprob] = []
        self.reason: FinishReason = "stop"

    def add(self, part: Part) -> None:
        match part:
            case Said(text=text):
                self.said.append(text)
            case Reasoned(text=text):
                self.reasoned.append(text)
            case CallBegun(index=index):
                self.calls[index] = _Call(part)
            case CallArguments(index=index, text=text):
                self.calls[index].arguments.append(text)
            case _:
                assert_never(part)

    def message(self, *, legacy: bool) -> AnswerMessage:
        calls = [self.calls[index] for index in sorted(self.calls)]
        content = "".join(self.said)
        tool_calls = [MessageToolCall(id=call.begun.id, function=call.function()) for call in calls]
        return AnswerMessage(
            content=None if calls and not content else content,
            reasoning_content="".join(self.reasoned) if self.reasoned else UNSET,
            tool_calls=tool_calls if calls and not legacy else UNSET,
            function_call=calls[0].function() if calls and legacy else UNSET,
        )


class ChatWhole:
    """Gathers the events of one request."""

    def __init__(self, request: ChatRequest) -> None:
        self._choices = [_Choice() for _ in range(request.n or 1)]
        self._is_legacy = is_legacy(request)
        self._completed: Completed | None = None

    def feed(self, event: StreamEvent) -> None:
        """Take one event in."""
        match event:
            case Delta():
                choice = self._choices[event.choice]
                choice.logprobs += event.logprobs
                for part in event.parts:
                    choice.add(part)
            case Ended():
                reason = finish_reason(event, legacy=self._is_legacy)
                self._choices[event.choice].reason = reason
            case Completed():
                self._completed = event
            case Begun() | Progress():
                pass
            case _:
                assert_never(event)

    def answer(self, head: ChatChunk, remarks: Remarks = NO_REMARKS) -> ChatCompletion:
        """The whole answer, after `Completed`; `head` has its id and model, and no choices."""
        assert self._completed is not None, "a stream ends with Completed or raises"
        usage, timings = self._completed.usage, self._completed.timings
        return ChatCompletion(
            id=head.id,
            created=head.created,
            model=head.model,
            system_fingerprint=head.system_fingerprint,
            choices=[
                ChatChoice(
                    index=index,
                    message=choice.message(legacy=self._is_legacy),
                    logprobs=chat_logprobs(choice.logprobs),
                    finish_reason=choice.reason,
                )
                for index, choice in enumerate(self._choices)
            ],
            usage=usage_of(usage, remarks),
            timings=timings_of(usage, timings),
        )
