"""Conversation: the turns so far and the parameters, as the next request.

Nothing of it touches a disk: it lives as long as the chat.
"""

import re
from dataclasses import dataclass, field
from typing import Final, final

import msgspec

from app.core.base.errors import RequestError
from app.wire.openai.chat import (
    AnyMessage,
    AssistantMessage,
    ChatRequest,
    SystemMessage,
    UserMessage,
)
from app.wire.openai.request import SamplingRequest, StreamOptions

SETTABLE: Final = tuple(
    sorted(
        {f.name for f in msgspec.structs.fields(SamplingRequest)}
        - {"model", "keep_alive", "ttl", "logit_bias", "dry_sequence_breakers", "provider"}
        | {"max_tokens", "stop", "reasoning_effort", "grammar"}
    )
)
"""Parameters of a request that `/set` and `--set` know, by the API's names."""

_PLACE: Final = re.compile(r" - at `[^`]*`$")


@final
@dataclass(slots=True)
class Conversation:
    """A chat with one model. `parameters` are texts as they were given, each known to be right."""

    model: str
    system: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    turns: list[AnyMessage] = field(default_factory=list)

    def ask(self, text: str) -> ChatRequest:
        """The request for an answer to `text`; the turn counts once `answered` is called."""
        return self._request([*self._opening(), *self.turns, UserMessage(content=text)])

    def answered(self, text: str, answer: str) -> None:
        """Both turns belong to the conversation from now on."""
        self.turns += [UserMessage(content=text), AssistantMessage(content=answer)]

    def clear(self) -> None:
        """Forget the turns; the system prompt and the parameters stay."""
        self.turns.clear()

    def set_parameter(self, name: str, text: str | None) -> None:
        """Use a parameter from the next answer on; None means its default.

        Raises: RequestError when there is none of that name, or the value is not allowed.
        """
        if name not in SETTABLE:
            raise RequestError(
                f"there is no parameter {name}", remedy=f"There are: {', '.join(SETTABLE)}."
            )
        before = self.parameters
        others = {key: value for key, value in before.items() if key != name}
        self.parameters = others if text is None else others | {name: text}
        try:
            self._request([UserMessage(content="")])
        except msgspec.ValidationError as error:
            self.parameters = before
            words = _PLACE.sub("", str(error)).replace("`", "")
            raise RequestError(f"{name} cannot be {text}: {words[0].lower()}{words[1:]}") from None

    def _opening(self) -> list[AnyMessage]:
        return [SystemMessage(content=self.system)] if self.system else []

    def _request(self, messages: list[AnyMessage]) -> ChatRequest:
        # Texts become what each parameter is: "0.5" a number, "true" a truth.
        values = msgspec.convert(
            {"messages": [{"role": "user", "content": ""}], **self.parameters},
            ChatRequest,
            strict=False,
        )
        return msgspec.structs.replace(
            values,
            model=self.model,
            messages=messages,
            stream=True,
            stream_options=StreamOptions(include_usage=True),
            return_progress=True,
        )
