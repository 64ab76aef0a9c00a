"""Generate: a request of the OpenAI API as what the engine is asked to do. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from app.core.base.ids import Domain, RequestId
from app.server.web.invalid import invalid
from app.server.web.openai.messages import flatten_messages
from app.server.web.openai.output import output_of
from app.server.web.openai.refused import refuse_best_of, refuse_unsupported
from app.server.web.openai.sampling import WordTokens, sampling_of
from app.server.web.openai.shallow import check_free_json
from app.server.web.openai.tools import is_legacy, tool_use
from app.wire.engine import (
    Generate,
    Prompt,
    PromptChat,
    PromptInfill,
    PromptText,
    PromptTokens,
    Sampling,
)
from app.wire.openai.chat import AssistantMessage, ChatRequest
from app.wire.openai.completions import PROMPTS_MAX, CompletionRequest, Prompts
from app.wire.openai.request import GenerationRequest, ModelRequest

_NUMBER: Final = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")
_KEEP_SECONDS_MAX: Final = 10 * 365 * 86400.0
_DURATION: Final = re.compile(r"(-)?(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,9})s)?")


def check_chat(request: ChatRequest) -> PromptChat:
    """The conversation for the template, all that can be checked without a model checked.

    Raises: RequestError naming the field.
    """
    refuse_unsupported(request)
    if request.top_logprobs and not request.logprobs:
        raise invalid("top_logprobs", "needs `logprobs: true`")
    output_of(request)
    check_free_json(request.chat_template_kwargs, "chat_template_kwargs")
    use = tool_use(request)
    return PromptChat(
        messages=flatten_messages(request.messages),
        tools=use.tools,
        tool_choice=use.choice,
        parallel_tool_calls=request.parallel_tool_calls is not False and not is_legacy(request),
        reasoning_effort=request.reasoning_effort,
        template_arguments=request.chat_template_kwargs or {},
        continue_last=_continues(request),
    )


def _continues(request: ChatRequest) -> bool:
    """Whether the last turn is a beginning: an assistant's words, unless the client says no."""
    last = request.messages[-1]
    is_beginning = isinstance(last, AssistantMessage) and not (
        last.tool_calls or last.function_call
    )
    if request.continue_final_message:
        if not is_beginning:
            raise invalid("continue_final_message", "the last message is no beginning of an answer")
        if request.add_generation_prompt:
            raise invalid("add_generation_prompt", "a turn is continued or begun, not both")
        return True
    if request.continue_final_message is False or request.add_generation_prompt:
        return False
    return is_beginning and bool(last.content)


def chat_generate(
    request: ChatRequest,
    chat: PromptChat,
    *,
    request_id: RequestId,
    domain: Domain,
    words: WordTokens,
    vocabulary: int,
) -> Generate:
    """What the engine is asked, once the model is known. Raises: RequestError."""
    limit = request.max_completion_tokens
    return _generate(
        request,
        chat,
        request_id=request_id,
        domain=domain,
        sampling=sampling_of(request, words, vocabulary=vocabulary),
        max_tokens=request.max_tokens if limit is None else limit,
        top_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
    )


def completion_prompts(request: CompletionRequest) -> list[Prompt]:
    """The prompts of the request, each of which gets `n` answers.

    Raises: RequestError when there are none, too many, or texts mixed with tokens.
    """
    refuse_best_of(request)
    output_of(request)
    inputs = split_inputs(request.prompt, "prompt", most=PROMPTS_MAX // (request.n or 1))
    if not request.suffix:  # clients of editors send "" where nothing follows
        return [
            PromptText(text=each) if isinstance(each, str) else PromptTokens(tokens=each)
            for each in inputs
        ]
    if not all(isinstance(each, str) for each in inputs):
        raise invalid("suffix", "needs a prompt of text")
    return [
        PromptInfill(prefix=each, suffix=request.suffix) for each in inputs if isinstance(each, str)
    ]


def completion_generate(
    request: CompletionRequest,
    prompt: Prompt,
    *,
    request_id: RequestId,
    domain: Domain,
    words: WordTokens,
    vocabulary: int,
) -> Generate:
    """What the engine is asked for one of the prompts. Raises: RequestError."""
    if isinstance(prompt, PromptTokens):
        check_tokens([prompt.tokens], "prompt", vocabulary)
    return _generate(
        request,
        prompt,
        request_id=request_id,
        domain=domain,
        sampling=sampling_of(request, words, vocabulary=vocabulary),
        max_tokens=request.max_tokens,
        top_logprobs=request.logprobs,
        echo=bool(request.echo),
    )


def _generate(
    request: GenerationRequest,
    prompt: Prompt,
    *,
    request_id: RequestId,
    domain: Domain,
    sampling: Sampling,
    max_tokens: int | None,
    top_logprobs: int | None,
    echo: bool = False,
) -> Generate:
    limit = max_tokens if request.n_predict is None else request.n_predict
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
    return Generate(
        request=request_id,
        prompt=prompt,
        domain=domain,
        sampling=sampling,
        stop=tuple(each for each in stop if each),
        max_tokens=None if limit == -1 else limit,
        choices=request.n or 1,
        output=output_of(request),
        top_logprobs=top_logprobs,
        echo=echo,
        cache_prompt=request.cache_prompt is not False,
        progress=bool(request.stream and (request.return_progress or request.timings_per_token)),
    )


def split_inputs(prompts: Prompts, field: str, *, most: int) -> list[str | list[int]]:
    """A prompt in any of its four shapes as a list. Raises: RequestError."""
    if isinstance(prompts, str):
        return [prompts]
    if not prompts:
        raise invalid(field, "is empty")
    tokens = [each for each in prompts if isinstance(each, int)]
    texts = [each for each in prompts if isinstance(each, str)]
    lists = [each for each in prompts if isinstance(each, list)]
    if len(tokens) == len(prompts):
        return [tokens]
    if len(prompts) > most:
        raise invalid(field, f"at most {most} at once, here are {len(prompts)}")
    if len(texts) == len(prompts):
        return list(texts)
    if len(lists) == len(prompts):
        if not all(lists):
            raise invalid(field, "has an empty list of tokens")
        return list(lists)
    raise invalid(field, "mixes texts, tokens and lists")


def check_tokens(lists: Sequence[list[int]], field: str, vocabulary: int) -> None:
    """Raises: RequestError for a token that the model has not."""
    for tokens in lists:
        if tokens and max(tokens) >= vocabulary:
            raise invalid(
                field, f"token {max(tokens)} is not in the model's vocabulary of {vocabulary}"
            )


def keep_alive_of(request: ModelRequest) -> float | None:
    """Seconds from `keep_alive` or `ttl`; None when the request says nothing. Raises: RequestError.

    Text is a number of seconds or Ollama's durations: 90s, 5m, 1h30m.
    """
    asked = request.keep_alive
    if asked is None:
        return None if request.ttl is None else float(request.ttl)
    if isinstance(asked, str):
        asked = _seconds(asked.strip())
    return -1.0 if asked < 0 else min(asked, _KEEP_SECONDS_MAX)


def _seconds(text: str) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        raise invalid("keep_alive", "is no duration such as 300, 5m or -1")
    sign, *groups = match.groups()
    hours, minutes, seconds = (int(group or 0) for group in groups)
    length = float(hours * 3600 + minutes * 60 + seconds)
    return -length if sign else length
