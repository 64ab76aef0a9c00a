"""docs/pool.md, drawn from the tables and rules of jobs in a pool.

`python -m app.cli.job_document > docs/pool.md` writes it, and a test compares.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Final, get_args

from app.core.pool import eligibility, standing
from app.core.pool.jobs import deadlines, failover, faults, money, recovery
from app.core.pool.jobs import job as life
from app.core.pool.jobs.rules import RULES

_HEAD: Final = """\
# A job in a pool

*Drawn from `app/core/pool` by `python -m app.cli.job_document > docs/pool.md`; a test compares the
two.*

A job is one request in a pool, from the moment it is asked until nothing is owed for it. What
becomes of it is decided by a machine without sockets, a clock or chance (`core/pool/jobs`):

    job, effects = submit(request, now)
    job, effects = advance(job, happening, now)

The host carries out the effects, in order, and brings what befalls the job; so does the simulation.
A happening that comes late or twice changes nothing.
"""

_STORY: Final = """\

## The story

1. **Hold.** The prompt and a window of {window_tokens} tokens of answer are held, not all of
   `max_tokens`. With fewer than {extend_below_tokens} tokens left in it, the next window is asked
   for; when the balance has no more, the answer ends with "length", the reason `credit_exhausted`
   and what was delivered.
2. **Dispatch.** The job waits in a line that is fair between accounts, and goes to the worker with
   the shortest predicted time to its answer.
3. **Attempts.** Each worker that is asked is one attempt, which begins at the first token that was
   not delivered. Only the current one may deliver, so the ranges of attempts are disjoint and no
   token is paid twice. Nothing of an attempt is delivered before it is in the books.
4. **Failover.** When a worker is lost, stalls, fails or hands the job back, the next one with the
   same content goes on after the last delivered token. The caller sees no seam.
5. **Counting.** Each attempt that delivered is counted by the model's own vocabulary.
6. **Settlement.** The books are asked once, by an id of the job's own, until they answer. Who pays
   and who earns is decided in [one function](books.md).
7. **The end.** The caller hears it when the money is in the books; every worker that delivered gets
   a verdict for its receipt.

A job has one answer: a request for several choices is several jobs. A sealed job has one worker,
all of `cost_max` is held for it, and the smaller of both ends' counts is paid.
"""

_RECOVERY: Final = """\

## A host that died

What was in memory is gone; the hold and the record of every attempt are on the disk. The workers
come back with their receipts, and the hold is settled from those (`core/pool/jobs/recovery.py`):
never for more than was held, each attempt up to where the next one was asked to begin. The first
receipt waits for those of the others for {together} s. What nobody claims expires, and its payer
has everything back.

A receipt that holds gets a verdict in any case, if only that it is worth nothing: its worker keeps
it until then.
"""

_INVARIANTS: Final = """\

## What always holds

`python -m tests.sim --seeds 5000` runs the host, nodes, callers, network and clock in one process
under one seed each: sockets are cut, frames lost, doubled and swapped, nodes crash, stall, lie and
collude, owners return, callers vanish, the disk is full, the host is killed between any two steps
and its clock jumps. The numbers are those in `tests/sim`; what is missing is checked elsewhere.
After every step these hold:

| | |
|---|---|
| 1 | every event in the books sums to zero, and balances are the sums of their entries and lots |
| 2 | nobody has more in holds than in the balance; what is told is held for |
| 2 | a hold ends once, and at most 3 s after its time where the host can write that down |
| 3 | a caller pays for the tokens it was told, once, at the price that was agreed |
| 3 | after a restart it pays for what receipts claim, each token once, and at most what was held |
| 4 | what a node's verdicts say it earned is what the books gave it, but for what is pending |
| 4 | what is pending has its receipt in the node's outbox, or has none that was signed |
| 5 | no token of an answer is paid twice; what is computed again is never on the caller's bill |
| 6 | the host's chains and each node's only grow; an entry with one bit turned breaks it there |
| 6 | `athanor credits verify` finds nothing amiss on any honest node, nor do two that compare |
| 6 | the host takes no two receipts of one number from a device, and knows what members were told |
| 11 | a client's mistake is tried by two machines at most; every refusal has a reason in words |
| 12 | a hold succeeds exactly if the balance covers it beside all that is held already |
| 15 | what an honest worker delivered is paid, whoever is restarted and when |
| 15 | a receipt has its verdict or is in its node's outbox, and no attempt is claimed twice |

These hold in full only while nothing is under way, and are looked at whenever that is so, and at
the end:

| | |
|---|---|
| 2 | nothing is held, and nobody is in line |
| 4 | nothing is pending; besides, nothing stays so for more than 100 s after the trouble |
| 6 | each chain from its beginning, also with any bit turned |
| 6 | all checkpoints that all nodes were ever told are of one chain |
| 8 | an answer that went on elsewhere is the answer that was interrupted |
| 9 | no honest machine is paused |

Of 12, ten thousand reservations at once on a balance that covers some are a test of their own:
exactly as many succeed.

A seed that breaks one is seen again by `python -m tests.sim --seed N --trace`. That the checks see
anything at all is a test of its own: for each number there is a planted fault, in settlement, in
the handling of chunks, in failover, in the books, in recovery, in the host or a node, which is
caught under that number within {seeds} seeds.

Checkpoints are signed and sent as by the real host, come back in heartbeats, and nodes that ask
each other show theirs. A host that swears two stories, rewrites a receipt or comes back with older
files, and a node that signs its chain anew, are found out where nobody looks but host and nodes
(`tests/sim/test_forks.py`). Nodes that never compare cannot know; a device's fork is seen within
one session, and in a later one only where it meets the last receipt of an earlier one.

Each attack on a pool, with what stops it and the tests that play it: [attacks.md](attacks.md).
"""


def job_document() -> str:
    """The whole document."""
    return "".join(_parts())


def _parts() -> Iterator[str]:
    yield _HEAD
    yield _STORY.format(
        window_tokens=RULES.window_tokens, extend_below_tokens=RULES.extend_below_tokens
    )
    yield "\n## Phases\n\n| phase | what happens | then |\n|---|---|---|\n"
    for (phase, change), after in life.TRANSITIONS.items():
        yield f"| {phase} | {change} | {after} |\n"
    yield "\n`" + "`, `".join(sorted(life.OVER)) + "` are the ends.\n"
    yield from _deadlines()
    yield "\n## How attempts end\n\n" + _words(life, "AttemptEnd")
    yield "\n## How jobs end, and what that is for the money\n\n"
    yield "| ending | in the books |\n|---|---|\n"
    for ending, end in money.ENDS.items():
        yield f"| {ending} | {end.value} |\n"
    yield from _errors()
    yield "\n## Faults of a worker\n\n" + _paragraphs(faults.fault_of.__doc__)
    yield "\n## Why a machine did not get a job\n\nThe first that holds is told to its owner.\n\n"
    yield _words(eligibility, "Reason")
    yield from _strikes()
    yield _RECOVERY.format(together=recovery.TOGETHER_SECONDS)
    yield _INVARIANTS.format(seeds=60)


def _deadlines() -> Iterator[str]:
    yield "\n## Deadlines\n\n" + _paragraphs(deadlines.__doc__, skip=1) + "\n"
    yield "| phase | at most |\n|---|---|\n"
    yield "| held | as the request says, 60 s by default |\n"
    yield f"| dispatched, offered | {RULES.accept_seconds:g} s |\n"
    yield "| accepted | four times the predicted first token, 15 to 300 s, "
    yield f"and {RULES.cold_seconds:g} s more where the model is loaded first |\n"
    yield "| running | the time of 40 tokens from one chunk to the next, 10 to 60 s |\n"
    yield f"| stopping | {RULES.stop_seconds:g} s |\n"
    yield f"| counting | {RULES.count_seconds:g} s, then the ids are the count |\n"
    yield f"| settling | none: tried again after {RULES.settle_again_seconds:g} s and then less "
    yield f"often, up to each {RULES.settle_again_seconds_max:g} s |\n"


def _errors() -> Iterator[str]:
    yield "\n## What is tried again\n\n" + _paragraphs(failover.__doc__, skip=1)
    yield "\n| class | words | tried |\n|---|---|---|\n"
    yield f"| a client's mistake | {_listed(failover.CLIENT_MISTAKES)} | by "
    yield f"{failover.REFUSALS_MAX} workers |\n"
    yield f"| perhaps the job's fault | {_listed(failover.SUSPECT)} | by {failover.SUSPECT_MAX} "
    yield "workers |\n"
    yield f"| the worker's | all others | until {failover.IDLE_MAX} in a row delivered nothing, "
    yield f"{failover.ATTEMPTS_MAX} at most |\n"


def _strikes() -> Iterator[str]:
    yield "\n## Strikes\n\n" + _paragraphs(standing.__doc__, skip=1) + "\n"
    yield "| strike | for | weight |\n|---|---|---|\n"
    for strike, weight in standing.WEIGHTS.items():
        yield f"| {strike} | {standing.WORDS[strike]} | {weight:g} |\n"
    fade, pause = standing.FADE_SECONDS / 3600, standing.PAUSE_SECONDS / 3600
    yield f"\nA strike weighs half as much after {fade:g} hours. At "
    yield f"{standing.PAUSE_POINTS:g} points the device is paused\nfor {pause:g} hour, each time "
    yield "for twice as long.\n"


def _words(module: ModuleType, name: str) -> str:
    """The words of a Literal, with the comments beside them."""
    source = inspect.getsource(module)
    block = source[source.index(f"{name} = Literal[") :]
    comments: dict[str, str] = {}
    for line in block[: block.index("]\n")].splitlines()[1:]:
        word, _, comment = line.strip().partition(",")
        comments[word.strip('"')] = comment.partition("#")[2].strip()
    words = get_args(getattr(module, name))
    return "| | |\n|---|---|\n" + "".join(f"| {word} | {comments[word]} |\n" for word in words)


def _paragraphs(text: str | None, skip: int = 0) -> str:
    """A docstring's paragraphs after the first `skip`, without the indentation of code."""
    assert text is not None
    paragraphs = inspect.cleandoc(text).split("\n\n")[skip:]
    return "\n\n".join(paragraphs) + "\n"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))


if __name__ == "__main__":
    sys.stdout.write(job_document())
