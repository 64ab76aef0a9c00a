"""Trial: what a node remembers of updates, and whether a new version has shown that it works.

A version that took another's place is on trial until it has served once. It says so itself: a
start is counted before anything else is done, and the count ends when connections are accepted.
Two starts without that, and the version before is offered again, or put back where that can be
done without asking anybody.
"""

from typing import Final, Literal, final

import msgspec
from msgspec.structs import replace

from app.core.release.manifest import version_of

STARTS_MAX: Final = 2
"""One may fail for a reason of the machine, such as a power cut."""


@final
class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A version in the place of another."""

    version: str
    previous: str
    starts: int = 0
    """Since it took the place, until it served."""
    is_proven: bool = False
    """It has served."""


@final
class Unfetched(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was announced, and that could not be had or was another one."""

    sha256: str
    """As announced: another version, and the same one published anew, is another file."""
    failures: int
    failed_at: float


@final
class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept of updates between two starts. Times are seconds since 1970."""

    number_seen: int = 0
    """The highest of a believed statement; a lower one is an old one, repeated."""
    looked_at: float | None = None
    failures: int = 0
    """Looks since the last one that went well."""
    unfetched: Unfetched | None = None
    """Counts apart from looks: each of these may move the whole file."""
    passed_over: str = ""
    """A version that did not work here, or that the owner left; it is not offered again."""
    fallen: str = ""
    """A version that did not start and was taken back, until a later one is put in place."""
    running: str = ""
    """The version of the last start."""
    trial: Trial | None = None


Standing = Literal["settled", "trying", "failing"]


def standing_of(memory: Memory, running: str) -> Standing:
    """settled: nothing is on trial. trying: `running` has not served yet. failing: too often."""
    trial = memory.trial
    if trial is None or trial.is_proven or trial.version != running:
        return "settled"
    return "failing" if trial.starts >= STARTS_MAX else "trying"


def handing_over(memory: Memory, *, version: str, previous: str) -> Memory:
    """`version` takes the place of `previous` now."""
    assert version != previous, "a version does not follow itself"
    return replace(memory, trial=Trial(version=version, previous=previous), fallen="")


def started(memory: Memory, running: str) -> Memory:
    """The version `running` was started, whoever put it in the place of another."""
    trial, before = memory.trial, memory.running
    memory = replace(memory, running=running)
    if before and before != running and (trial is None or trial.version != running):
        trial = Trial(version=running, previous=before)
    if trial is None or trial.is_proven or trial.version != running:
        return replace(memory, trial=trial)
    return replace(memory, trial=replace(trial, starts=trial.starts + 1))


def served(memory: Memory, running: str) -> Memory:
    """The version `running` accepts connections."""
    trial = memory.trial
    if trial is None or trial.is_proven or trial.version != running:
        return memory
    return replace(memory, trial=replace(trial, is_proven=True))


def version_before(memory: Memory, running: str) -> str:
    """The version that `running` followed, to which one may go back; "" for none."""
    trial = memory.trial
    if trial is None or trial.version != running:
        return ""
    before, now = version_of(trial.previous), version_of(running)
    # A newer one was gone back from: `install` leads there again.
    return trial.previous if before and now and before < now else ""


def gone_back(memory: Memory) -> Memory:
    """The version before is in its place again; the one that was tried is not offered any more."""
    trial = memory.trial
    if trial is None:
        return memory
    return replace(memory, trial=None, passed_over=trial.version, fallen=trial.version)


def left(memory: Memory, version: str) -> Memory:
    """The owner goes back from `version`, which is not offered again."""
    return replace(memory, passed_over=version)


def looked(memory: Memory, at: float, *, number: int | None) -> Memory:
    """A look has ended: with the number of a believed statement, None when it failed."""
    if number is None:
        return replace(memory, looked_at=at, failures=memory.failures + 1)
    return replace(memory, looked_at=at, failures=0, number_seen=max(number, memory.number_seen))


def not_fetched(memory: Memory, sha256: str, at: float) -> Memory:
    """A fetch of the file that was announced with this sum came to nothing."""
    before = memory.unfetched
    failures = before.failures if before is not None and before.sha256 == sha256 else 0
    failed = Unfetched(sha256=sha256, failures=failures + 1, failed_at=at)
    return replace(memory, unfetched=failed)


def fetched(memory: Memory) -> Memory:
    """The file that is announced is here."""
    return replace(memory, unfetched=None)
