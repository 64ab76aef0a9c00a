"""Eligibility: which workers may do a job, why the others may not, and what would change that."""

from collections.abc import Sequence
from typing import Final, Literal, final, get_args

import msgspec

from app.core.base.ids import AccountId, DeviceId
from app.core.base.units import Micros, Microseconds
from app.core.models.quant import BITS
from app.core.pool.jobs.effects import FindWorker
from app.core.pool.jobs.job import Candidate
from app.core.pool.standing import Standing
from app.core.pool.wishes import is_within
from app.wire.engine import Embed, Generate
from app.wire.pool import Circle, Sealed

Reason = Literal[
    "paused",  # by strikes
    "not_lending",  # its owner keeps the GPU for now
    "avoided",  # it had this job before
    "not_asked",  # the caller named another worker
    "circle",  # its owner takes no work from so far
    "trust",  # the caller lets nobody so far read it
    "content",  # the caller wants exactly another model
    "quantisation",  # fewer bits than the caller wants
    "region",  # its operator says another one, or none
    "price",  # the caller pays less
    "price_floor",  # its owner wants more
    "free_only",  # nothing is held, and it is not the caller's own
    "context",  # its context has no room for prompt and answer
    "sealing",  # it gave no key to seal to
    "breaker",  # it failed with this model several times
    "resting",  # it said to come later
    "no_slot",  # all that its owner lends are in use
    "slower",  # it could have, and another was faster
]
"""Why a worker that has the model did not get a job. The first that holds is told to it."""

RANK: Final[dict[Reason, int]] = {reason: place for place, reason in enumerate(get_args(Reason))}


@final
class Offering(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one worker, as one caller sees it. What is not known is at its default."""

    worker: DeviceId
    account: AccountId
    name: str
    sha256: str
    relation: Circle
    """In which the worker's account stands to the caller's: its own, a friend's ..."""
    takes: Circle
    """The widest circle whose work its owner takes."""
    context: int
    slots: int
    running: int = 0
    """Jobs of this model that the host has there now."""
    parameters: int = 0
    quantisation: str = ""
    is_embedding: bool = False
    is_lending: bool = True
    is_loaded: bool = True
    price_floor: Micros = Micros(0)
    region: str = ""
    can_seal: bool = True


def reasons_against(
    find: FindWorker,
    one: Offering,
    candidate: Candidate,
    *,
    standing: Standing,
    now: Microseconds,
) -> tuple[Reason, ...]:
    """All that keeps the worker from the job, the first to tell first; none where it may."""
    request, wishes = find.request, find.request.wishes
    is_own = one.relation == "own"
    needed = room_needed(find.request.body, candidate.prompt_tokens, find.answered)
    checks: dict[Reason, bool] = {
        "paused": bool(standing.paused(one.worker, now)),
        "not_lending": not one.is_lending,
        "avoided": one.worker in find.avoided,
        "not_asked": request.worker is not None and request.worker != one.worker,
        "circle": not is_within(one.relation, one.takes),
        "trust": not is_within(one.relation, wishes.trust),
        "content": not {wishes.sha256, find.sha256} <= {"", candidate.sha256},
        "quantisation": _bits(one.quantisation) < _bits(wishes.quantisation_min, 0.0),
        "region": wishes.region not in ("", one.region),
        "price": not is_own and not _is_affordable(find, candidate),
        "price_floor": not is_own and candidate.prices.output < one.price_floor,
        # Of who trusts its own devices alone, "trust" says it: the same change is enough for both.
        "free_only": find.is_free and not is_own and wishes.trust != "own",
        "context": min(one.context, candidate.context) < needed,
        "sealing": request.is_sealed and not one.can_seal,
        "breaker": standing.is_open(one.worker, one.sha256, now),
        "resting": standing.is_resting(one.worker, one.sha256, now),
        "no_slot": one.running >= one.slots,
    }
    return tuple(
        sorted((reason for reason, holds in checks.items() if holds), key=RANK.__getitem__)
    )


def room_needed(body: Generate | Embed | Sealed, prompt_tokens: int, answered: int = 0) -> int:
    """Room that a context must have.

    Each input of an embedding has one for itself, and the host counted them together: the longest
    has no less than their mean. A worker refuses the input that is too long for it.
    """
    if isinstance(body, Embed):
        return -(-prompt_tokens // max(1, len(body.inputs)))
    return prompt_tokens + answered + 1


def room_wanted(find: FindWorker, candidate: Candidate) -> int:
    """Room for the whole answer: as long as it was asked for, or as such answers are, and no longer
    than anybody in the pool has room for."""
    body, prompt = find.request.body, candidate.prompt_tokens
    if not isinstance(body, Generate):
        return room_needed(body, prompt)
    wanted = find.request.expected_tokens if body.max_tokens is None else body.max_tokens
    return min(prompt + wanted, candidate.context)


def _bits(recipe: str, unknown: float = 0.0) -> float:
    return BITS.get(recipe.upper(), unknown)


def _is_affordable(find: FindWorker, candidate: Candidate) -> bool:
    wishes, prices = find.request.wishes, candidate.prices
    input_max, output_max = wishes.input_price_max, wishes.output_price_max
    return (input_max is None or prices.input <= input_max) and (
        output_max is None or prices.output <= output_max
    )


def what_would_work(
    against: Sequence[tuple[Offering, Candidate, tuple[Reason, ...]]],
) -> tuple[str, ...]:
    """Sentences, each of one change that is enough by itself; the most useful first."""
    alone: dict[Reason, list[tuple[Offering, Candidate]]] = {}
    for one, candidate, reasons in against:
        lasting = [reason for reason in reasons if reason not in ("no_slot", "resting")]
        if len(lasting) == 1:
            alone.setdefault(lasting[0], []).append((one, candidate))
        elif not lasting:
            alone.setdefault("no_slot", []).append((one, candidate))
    return tuple(
        _sentence(reason, alone[reason])
        for reason in sorted(alone, key=lambda r: (r not in _WAITS, RANK[r]))
        if reason in _SENTENCES
    )


_WAITS: Final = frozenset[Reason]({"no_slot", "not_lending", "breaker"})

_SENTENCES: Final[dict[Reason, str]] = {
    "no_slot": "{machines} will have a free slot: try again in a moment.",
    "not_lending": "{machines} may lend again later.",
    "breaker": "{machines} may be tried again soon.",
    "trust": 'With provider.trust "{widest}", {machines} could do it.',
    "content": "With any content of the model, {machines} could do it.",
    "quantisation": 'With provider.quantisation_min "{recipe}", {machines} could do it.',
    "region": "Without provider.region, {machines} could do it.",
    "price": "With a maximum price of {price} micros for a million tokens of answer, "
    "{machines} could do it.",
    "free_only": "With credits, {machines} could do it.",
    "context": "On {machines} there is room for at most {context} tokens.",
    "sealing": "Without sealing, {machines} could do it.",
}


def _sentence(reason: Reason, found: list[tuple[Offering, Candidate]]) -> str:
    offerings = [one for one, _ in found]
    recipes = sorted((one.quantisation for one in offerings), key=_bits)
    circles: tuple[Circle, ...] = get_args(Circle)
    count = len({one.worker for one in offerings})
    return _SENTENCES[reason].format(
        machines=f"{count} machine{'' if count == 1 else 's'}",
        widest=min((one.relation for one in offerings), key=circles.index),
        recipe=recipes[-1],
        price=min(candidate.prices.output for _, candidate in found),
        context=max(min(one.context, candidate.context) for one, candidate in found),
    )
