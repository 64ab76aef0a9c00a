"""Abuse: what no honest machine does, seen in work that was paid for, with the reason in words.

    watch.observe(work) -> findings         each is a strike of core/pool/standing, by its kind

Seen at once: an end for want of room where there was room (`room`), and tokens faster than the
memory that was registered can be read (`speed`). Seen over many answers: one answer to many
questions (`identical`), and answers that loop (`loops`) or never end (`endless`) oftener than those
of other machines to the same callers. Counts that do not agree are seen by standing itself.

Rule: an accusation needs a bound on how often it is false. At once: the limits below are past all
that an honest machine can do. Over many: a chance of at most `RARE` each time it is looked
(tests/core/pool/test_abuse.py measures it). What an honest machine may do, for example answer like
a table because it is asked like one, is no finding.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, TypeVar, final

import msgspec

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.pool.rates import Tally, chance_beside
from app.core.scheduling.lookup import DRAFT_MAX

K = TypeVar("K")
V = TypeVar("V")

Kind = Literal["room", "speed", "identical", "loops", "endless"]

ROOM_SLACK_TOKENS: Final = 16
"""A template's or an end's own tokens, which one side counts and the other does not."""

MEMORY_READS_MAX: Final = 80
"""No card reads its whole memory oftener in a second; an RTX 3080 comes to 76, most to 40."""
BANDWIDTH_WITHOUT_GPU: Final = 10**12
"""Bytes a second: past the best servers' RAM."""
BANDWIDTH_MAX: Final = 10**14
"""Of a machine, whatever memory it says it has: past eight of the fastest cards together."""
SPEED_TOKENS_MIN: Final = 64
"""Shorter answers are over before their time can be told."""

IDENTICAL_TOKENS_MIN: Final = 48
"""Short answers are alike by nature: yes, no, a refusal, a greeting."""
IDENTICAL_PROMPTS: Final = 4
IDENTICAL_PAYERS: Final = 2
"""One caller who asks the same thing in many ways gets the same answer by right."""

LOOP_TOKENS: Final = 128
LOOP_PERIOD_MAX: Final = 32
ENDLESS_ROOM_MIN: Final = 256
"""Who leaves less room wants to be cut."""

RARE: Final = 1e-9
"""At every look; a machine is looked at for each of its answers."""

_TALLY_MAX: Final = 400
_ANSWERS_KEPT: Final = 512
_CALLERS_KEPT: Final = 2000
_SKETCHES_KEPT: Final = 20_000


@final
class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that was settled: counts, times, and sketches in the place of words."""

    device: DeviceId
    owner: AccountId
    payer: AccountId
    job: JobId
    sha256: str
    tokens: int
    """Ids that came."""
    ended_for_room: bool = False
    """The worker says that max_tokens or the context was reached."""
    room: int | None = None
    """Tokens that there was room for; None: unknown."""
    seconds: float = 0.0
    """From the acceptance to the last token, by the host's clock."""
    gpu_memory_bytes: int = 0
    """As registered; 0 without a GPU."""
    active_bytes: int = 0
    """Of the weights that one token needs; 0: unknown."""
    prompt_sketch: bytes = b""
    answer_sketch: bytes = b""
    """Keyed hashes; empty where answers may well be alike, such as those held to a schema."""
    is_looping: bool = False


@final
class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that no honest machine does."""

    device: DeviceId
    kind: Kind
    job: JobId
    reason: str
    """A sentence with the figures, for the operator; the worker is told the kind in words."""


class _Answer:
    """What is remembered of one answer of a machine."""

    def __init__(self) -> None:
        self.prompts: set[bytes] = set()
        self.payers: set[AccountId] = set()
        self.was_told = False


@final
class _Machine:
    def __init__(self) -> None:
        self.answers: OrderedDict[bytes, _Answer] = OrderedDict()


@final
class Watch:
    """What was seen of every machine, in bounded memory. Deterministic."""

    def __init__(self) -> None:
        self._machines: OrderedDict[DeviceId, _Machine] = OrderedDict()
        self._owners: OrderedDict[tuple[str, bytes], set[AccountId]] = OrderedDict()
        """Who else gave the same answer by the same model."""
        self._tallies: dict[Kind, OrderedDict[tuple[str, str], dict[DeviceId, Tally]]] = {
            "loops": OrderedDict(),
            "endless": OrderedDict(),
        }

    def observe(self, work: Work) -> list[Finding]:
        """What is wrong with this work, or with the machine's work up to it."""
        if work.owner == work.payer:
            return []  # whoever serves oneself cheats nobody
        found = [
            Finding(device=work.device, kind=kind, job=work.job, reason=reason)
            for kind, reason in _at_once(work)
        ]
        for kind, reason in self._over_many(work):
            found.append(Finding(device=work.device, kind=kind, job=work.job, reason=reason))
        return found

    def _over_many(self, work: Work) -> Iterator[tuple[Kind, str]]:
        if work.answer_sketch and work.tokens >= IDENTICAL_TOKENS_MIN:
            answer = self._remember(work)
            others = self._owners[work.sha256, work.answer_sketch]
            is_many = (
                len(answer.prompts) >= IDENTICAL_PROMPTS and len(answer.payers) >= IDENTICAL_PAYERS
            )
            if is_many and len(others) == 1 and not answer.was_told:
                answer.was_told = True
                yield (
                    "identical",
                    f"one answer of {work.tokens} tokens was given to {len(answer.prompts)} "
                    f"different questions of {len(answer.payers)} callers",
                )
        if work.tokens >= LOOP_TOKENS and self._is_rare("loops", work, is_odd=work.is_looping):
            yield "loops", "answers repeat themselves far oftener than other machines' answers"
        if work.room is not None and work.room >= ENDLESS_ROOM_MIN:
            is_odd = work.ended_for_room
            if self._is_rare("endless", work, is_odd=is_odd):
                yield "endless", "answers end for want of room far oftener than other machines'"

    def _remember(self, work: Work) -> _Answer:
        machine = _kept(self._machines, work.device, _Machine, _CALLERS_KEPT)
        answer = _kept(machine.answers, work.answer_sketch, _Answer, _ANSWERS_KEPT)
        if len(answer.prompts) < 2 * IDENTICAL_PROMPTS:
            answer.prompts.add(work.prompt_sketch)
        if len(answer.payers) < 2 * IDENTICAL_PAYERS:
            answer.payers.add(work.payer)
        key = (work.sha256, work.answer_sketch)
        owners: set[AccountId] = _kept(self._owners, key, set, _SKETCHES_KEPT)
        if len(owners) < 2:  # one more than the machine's own is all that counts
            owners.add(work.owner)
        return answer

    def _is_rare(self, kind: Kind, work: Work, *, is_odd: bool) -> bool:
        """Note one trial; whether the machine's are too odd beside the others' to be chance."""
        tallies = self._tallies[kind]
        of_caller = _kept(tallies, (work.sha256, work.payer), dict, _CALLERS_KEPT)
        tally = of_caller.get(work.device, Tally())
        of_caller[work.device] = tally.with_one(is_odd=is_odd, most=_TALLY_MAX)
        if not is_odd:
            return False
        own, others = {}, {}
        for (sha256, payer), machines in tallies.items():
            if sha256 == work.sha256 and work.device in machines:
                own[payer] = machines[work.device]
                rest = (each for device, each in machines.items() if device != work.device)
                others[payer] = sum(rest, Tally())
        if chance_beside(own, others) > RARE:
            return False
        for payer in own:  # the next strike needs evidence of its own
            del tallies[work.sha256, payer][work.device]
        return True


def _at_once(work: Work) -> Iterator[tuple[Kind, str]]:
    """What one attempt shows by itself."""
    if (
        work.ended_for_room
        and work.room is not None
        and work.tokens < work.room - ROOM_SLACK_TOKENS
    ):
        yield (
            "room",
            f"the answer was said to end for want of room after {work.tokens} tokens, "
            f"and there was room for {work.room}",
        )
    fastest = tokens_per_second_max(work.gpu_memory_bytes, work.active_bytes)
    if fastest is not None and work.tokens >= SPEED_TOKENS_MIN and work.seconds > 0:
        speed = work.tokens / work.seconds
        if speed > fastest:
            yield (
                "speed",
                f"{work.tokens} tokens came at {speed:.0f} a second, and the memory that was "
                f"registered can be read for {fastest:.0f} at most",
            )


def tokens_per_second_max(gpu_memory_bytes: int, active_bytes: int) -> float | None:
    """The fastest that one answer can be computed: every token needs the weights once, and a draft
    that was looked up gives several for one reading. None where the weights are not known.
    """
    if active_bytes <= 0:
        return None
    bandwidth = gpu_memory_bytes * MEMORY_READS_MAX or BANDWIDTH_WITHOUT_GPU
    bandwidth = min(bandwidth, BANDWIDTH_MAX)
    return bandwidth / active_bytes * (DRAFT_MAX + 1)


def loops(tokens: Sequence[int]) -> bool:
    """Whether the answer ends in `LOOP_TOKENS` tokens that repeat a few again and again."""
    tail = tokens[-LOOP_TOKENS:]
    if len(tail) < LOOP_TOKENS:
        return False
    return any(tail[period:] == tail[:-period] for period in range(1, LOOP_PERIOD_MAX + 1))


def _kept(where: OrderedDict[K, V], key: K, make: Callable[[], V], most: int) -> V:
    """The value of `key`, made if it is new; what was not used for longest is given up."""
    if key not in where:
        while len(where) >= most:
            where.popitem(last=False)
        where[key] = make()
    where.move_to_end(key)
    return where[key]
