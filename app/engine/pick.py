"""Pick: tokens from the logits of one row, with what their client wants to know of them."""

from dataclasses import dataclass
from typing import final

import numpy as np

from app.core.base.errors import InvalidGrammar
from app.core.scheduling.step import Row
from app.engine.answer import Answer
from app.engine.backend import Backend, Floats, Vocabulary
from app.wire.engine import TokenLogprob


@final
@dataclass(frozen=True, slots=True)
class Picked:
    """Tokens in order, and as many logprobs when they were asked for."""

    tokens: list[int]
    logprobs: list[TokenLogprob]
    completes: bool
    """With the last of them the constraint has all it wants."""
    fault: InvalidGrammar | None = None
    """The grammar became too hard to follow in the middle of the answer."""


def pick(
    backend: Backend, answer: Answer, row: Row, first_output: int, *, top_logprobs: int | None
) -> Picked:
    """Choose a token for each output of the row, going on while the draft proves right.

    No tokens, but the fault, when the answer's grammar cannot be followed any further. Safe on
    several threads for different answers. The constraint sees each token before the next is masked,
    so a draft cannot lead an answer out of its grammar.
    """
    draft = row.tokens[len(row.tokens) - row.logits + 1 :]
    tokens: list[int] = []
    logprobs: list[TokenLogprob] = []
    is_complete = False
    for number in range(row.logits):
        output = first_output + number
        logits = backend.logits(output)
        raw = None if top_logprobs is None else logits.copy()
        try:
            token, is_complete = _choose(answer, logits, output)
        except InvalidGrammar as fault:
            return Picked([], [], completes=False, fault=fault)
        tokens.append(token)
        if raw is not None and top_logprobs is not None:
            logprobs.append(_logprob(raw, token, top_logprobs, backend.vocabulary))
        if is_complete or number == len(draft) or token != draft[number]:
            break
        if backend.vocabulary.is_end(token):
            break
    return Picked(tokens, logprobs, is_complete)


def _choose(answer: Answer, logits: Floats, output: int) -> tuple[int, bool]:
    """The next token, and whether the constraint has all it wants. Raises: InvalidGrammar."""
    constraint = answer.transcript.constraint
    if constraint is None:
        return answer.sampler.choose(output), False
    constraint.mask(logits)
    token = answer.sampler.choose(output)
    constraint.accept(token)
    return token, constraint.is_finished


def _logprob(logits: Floats, token: int, top: int, vocabulary: Vocabulary) -> TokenLogprob:
    """Of the model's own distribution, before penalties, grammar and temperature."""
    peak = logits.max()
    total = peak + np.log(np.exp(logits - peak).sum(dtype=np.float64))
    likeliest: list[int] = []
    if top := min(top, len(logits)):
        best = np.argpartition(logits, -top)[-top:]
        likeliest = best[np.argsort(-logits[best], kind="stable")].tolist()
    return TokenLogprob(
        token=token,
        piece=vocabulary.special_piece(token),
        logprob=float(logits[token] - total),
        top=tuple((t, vocabulary.special_piece(t), float(logits[t] - total)) for t in likeliest),
    )
