"""Sequences: who says what after what, for docs/protocol.md.

The numbers come from the rules of a job and the limits of a session; the words are frames, which a
test looks up.
"""

from collections.abc import Iterator

from app.core.pool.channel import LIMITS
from app.core.pool.jobs.failover import ATTEMPTS_MAX
from app.core.pool.jobs.rules import RULES


def sequences() -> Iterator[str]:
    """The section, in Markdown."""
    yield "\n## Sequences\n"
    yield "\nWhat each frame says stands under its name below; [a job](pool.md) has its own page.\n"
    for title, text in (
        ("A job that goes well", _job()),
        ("A socket that is lost", _RESUME),
        ("Preempted, and handed on", _hand_off()),
        ("Cancelled", _cancel()),
        ("Going away", _GOING),
        ("Receipt and verdict", _RECEIPT),
    ):
        yield f"\n### {title}\n\n{text}"


def _job() -> str:
    return f"""\
```
host                                worker
offer      ──────────────────────>          attempt 0, first 0
           <──────────────────────  accepted        or rejected, and another worker is asked
           <──────────────────────  chunk           first 0, as many tokens as it has
           <──────────────────────  chunk           first = those before, and so on
           <──────────────────────  finished        "completed", with the receipt
countersigned ───────────────────>          when the job is settled
```

An `offer` is answered within {RULES.accept_seconds:g} s, or another worker is asked. `is_cold` in
`accepted` asks for {RULES.cold_seconds:g} s more until the first token. A `chunk` has the ids of
its tokens and the events made of them; `first` counts from the beginning of the whole answer, and
one that repeats, overlaps or leaves a gap is a fault that ends the attempt. The last event of an
answer is `ended` in a chunk; `finished` says that nothing follows. The host writes an attempt to
its disk before it delivers anything of it.

Acknowledgements are no frames: every envelope carries the number of the last frame that came, and
one goes alone after {LIMITS.ack_frames} frames or {LIMITS.ack_seconds:g} s. They free what the
sender keeps, and say nothing of a job.
"""


_RESUME = """\
```
node                                host
hello      ──────────────────────>          the session, and the last number that came
           <──────────────────────  challenge
proof      ──────────────────────>
           <──────────────────────  established     is_resumed, and the last number that came
frames after that number  <──────>  frames after that number
```

Jobs run on meanwhile: the worker computes, and its frames wait. The deadline for the next `chunk`
runs on too, so a job may have gone elsewhere when the socket is back; what the worker says of it
then is ignored, but for its receipt. When the host has no such session any more, or one side has
thrown away what the other lacks, `established` opens a new one and says why in `ended`: the node
stops what ran over the old one, registers anew, and sends the receipts that have no verdict yet.
A host whose node stays away for `grace_seconds` ends the session, and its jobs go elsewhere.
"""


def _hand_off() -> str:
    return f"""\
```
host                                worker A            worker B
offer      ──────────────────────>                          attempt 0, first 0
           <──────────────────────  accepted, chunk ...     tokens 0 to 41
           <──────────────────────  finished                "preempted", receipt for what it said
offer      ──────────────────────────────────────────>      attempt 1, first 42, the tokens before
           <──────────────────────────────────────────  accepted, chunk (first 42) ..., finished
countersigned ───────────────────>                          one verdict for each attempt
countersigned ───────────────────────────────────────>
```

Nobody asks a worker to hand over: when its owner needs the machine it stops at the next token and
says `finished` with the reason `preempted`. That is nobody's failure. The same follows when its
session ends, it misses a deadline, or it fails; one that may still compute is sent a `cancel` with
`elsewhere`.

The host then offers what is missing to another worker with the same content (`sha256`): the same
body, `answered` with the ids of every token that was delivered, and their number in `first`. The
next worker reads them as prompt, in silence, and says only what follows; they count in
`max_tokens`, and a seed makes it the answer that was interrupted. Tokens that A sent and the host
did not deliver are computed again. A job is offered {ATTEMPTS_MAX} times at most; a sealed one
once, since nobody else can open it.
"""


def _cancel() -> str:
    return f"""\
```
host                                worker
cancel     ──────────────────────>          client, credits, elsewhere or stopping
           <──────────────────────  finished        "cancelled", with the receipt if it computed
```

`client`: who asked is gone; `credits`: the balance has no more; `elsewhere`: the job went to
another worker; `stopping`: the host stops. What was delivered is paid. A worker that does not
answer within {RULES.stop_seconds:g} s is waited for no longer, and its receipt is taken when it
comes; a cancel of an attempt that is over is not answered again. A member's node stops its own
request with `cancel_ask`, and is told the cost in the last `told`.
"""


_GOING = """\
Before it sleeps, stops or leaves, a node takes no more offers, hands its jobs over as above, and
says `going_away` with `sleep`, `stop` or `leave`; the host gives it no more work until a
`heartbeat` lends again. Where it stops or leaves, `over` ends the session. One that falls asleep
ends nothing: its socket is lost, and its session waits for the grace.

A host that stops says `going_away` with `drain` to all, and takes no new requests. Answers under
way have a time to end; those that have not are stopped by `cancel` with `stopping`, and are settled
for what was delivered. Then `over` with `stopping` tells when to come back, and the node comes
somewhat later than that, by chance, so that not all come at once.
"""


_RECEIPT = """\
```
worker                              host
signs the receipt, writes it down
finished   ──────────────────────>          checks it, counts what came by its own vocabulary
                                            settles the job in its books
           <──────────────────────  countersigned   the verdict: receipt, counts, what was earned
compares, writes it down
           <──────────────────────  checkpoint      the head of all verdicts, to everybody
heartbeat  ──────────────────────>          the last checkpoint that it saw
```

A receipt is the next of the device's chain, a verdict the next of the host's. An attempt that
computed nothing has no receipt. Without a verdict the worker sends `finished` again at the
beginning of each new session, and the host answers with the verdict that it gave, or gives one as
soon as the job is settled; so nothing that was done is lost with either process. A verdict that
does not have the receipt as it was sent is kept out of the node's books and shown to its owner.
"""
