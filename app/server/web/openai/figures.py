"""Figures: usage, timings, progress and log probabilities in the shapes of the API. Pure."""

import codecs
from typing import Final

from msgspec import UNSET

from app.wire import engine
from app.wire.openai.answer import CompletionDetails, PromptDetails, PromptProgress, Timings, Usage
from app.wire.openai.chat_answer import ChatLogprobs, TokenLogprob, TopLogprob
from app.wire.openai.completions import TextLogprobs
from app.wire.remarks import NO_REMARKS, Remarks

LOGPROB_MIN: Final = -9999.0
"""JSON has no -Infinity; OpenAI uses this for a token that cannot come."""


def usage_of(usage: engine.Usage, remarks: Remarks = NO_REMARKS) -> Usage:
    """OpenAI's usage, with the cost where there is one."""
    return Usage(
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion,
        total_tokens=usage.prompt + usage.completion,
        prompt_tokens_details=PromptDetails(cached_tokens=usage.cached),
        completion_tokens_details=CompletionDetails(reasoning_tokens=usage.reasoning),
        cost_micros=UNSET if remarks.cost is None else remarks.cost,
        is_out_of_credits=remarks.is_out_of_credits or UNSET,
    )


def sum_usages(usages: list[engine.Usage]) -> engine.Usage:
    """The usage of several prompts of one request."""
    return engine.Usage(
        prompt=sum(each.prompt for each in usages),
        cached=sum(each.cached for each in usages),
        completion=sum(each.completion for each in usages),
        reasoning=sum(each.reasoning for each in usages),
        drafted=sum(each.drafted for each in usages),
        accepted=sum(each.accepted for each in usages),
    )


def longest_timings(timings: list[engine.Timings]) -> engine.Timings:
    """The timings of several prompts that ran side by side."""
    return engine.Timings(
        queue_ms=max(each.queue_ms for each in timings),
        prompt_ms=max(each.prompt_ms for each in timings),
        decode_ms=max(each.decode_ms for each in timings),
    )


def timings_of(usage: engine.Usage, timings: engine.Timings) -> Timings:
    """llama.cpp's timings of a whole request."""
    computed = usage.prompt - usage.cached
    return Timings(
        cache_n=usage.cached,
        prompt_n=computed,
        prompt_ms=timings.prompt_ms,
        prompt_per_token_ms=_ratio(timings.prompt_ms, computed),
        prompt_per_second=_ratio(computed * 1000, timings.prompt_ms),
        predicted_n=usage.completion,
        predicted_ms=timings.decode_ms,
        predicted_per_token_ms=_ratio(timings.decode_ms, usage.completion),
        predicted_per_second=_ratio(usage.completion * 1000, timings.decode_ms),
        draft_n=usage.drafted or UNSET,
        draft_n_accepted=usage.accepted if usage.drafted else UNSET,
    )


def progress_of(progress: engine.Progress) -> PromptProgress:
    """llama.cpp's progress of the prompt."""
    return PromptProgress(
        total=progress.total,
        cache=progress.cached,
        processed=progress.processed,
        time_ms=progress.ms,
    )


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else 0.0


def chat_logprobs(tokens: list[engine.TokenLogprob]) -> ChatLogprobs | None:
    """The chat API's shape; None when none were asked for, so that the field is null."""
    if not tokens:
        return None
    return ChatLogprobs(content=[_chat_token(token) for token in tokens])


def _chat_token(token: engine.TokenLogprob) -> TokenLogprob:
    return TokenLogprob(
        token=_text(token.piece),
        logprob=max(token.logprob, LOGPROB_MIN),
        bytes=list(token.piece),
        top_logprobs=tuple(
            TopLogprob(token=_text(piece), logprob=max(value, LOGPROB_MIN), bytes=list(piece))
            for _, piece, value in token.top
        ),
    )


def _text(piece: bytes) -> str:
    return piece.decode("utf-8", "replace")


class TextOffsets:
    """Counts characters of one choice's text, so that each token's place in it is known.

    A token that ends inside a character stands where that character will.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._offset = 0

    def shape(self, tokens: list[engine.TokenLogprob], *, with_top: bool) -> TextLogprobs | None:
        """The older API's shape of these tokens, the next ones of the choice."""
        if not tokens:
            return None
        offsets = []
        for token in tokens:
            offsets.append(self._offset)
            self._offset += len(self._decoder.decode(token.piece))
        top = [
            {_text(piece): max(value, LOGPROB_MIN) for _, piece, value in token.top}
            for token in tokens
        ]
        return TextLogprobs(
            tokens=[_text(token.piece) for token in tokens],
            token_logprobs=[max(token.logprob, LOGPROB_MIN) for token in tokens],
            top_logprobs=top if with_top else None,
            text_offset=offsets,
        )
