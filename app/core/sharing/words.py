"""Words: the verdicts as people read them, the same on every face.

"paused: a program that always wins is running (Cyberpunk2077), resumes 5 minutes after it ends"
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from app.core.sharing.facts import Facts, GpuFacts, Unknown
from app.core.sharing.hours import clock_words
from app.core.sharing.policy import Verdict
from app.core.sharing.reasons import Cause, Reason

T = TypeVar("T")

_WHY: Final[dict[Reason, str]] = {
    Reason.USER_REQ: "lending is off",
    Reason.SNOOZED: "snoozed",
    Reason.OS: "a GPU is gone",
    Reason.INITIAL_DELAY: "Athanor has only just started",
    Reason.EXCLUSIVE_APP_RUNNING: "a program that always wins is running",
    Reason.BATTERIES: "the computer runs on its battery",
    Reason.OVERHEATED: "a GPU is too warm",
    Reason.FULL_SCREEN: "a program covers the whole screen",
    Reason.VRAM_PRESSURE: "other programs need the memory of the GPU",
    Reason.GPU_USAGE: "other programs use the GPU",
    Reason.USER_ACTIVE: "the computer is in use",
    Reason.OWNER_REQUESTS: "your own requests are being answered",
    Reason.TIME_OF_DAY: "it is outside the hours you set",
    Reason.WIFI_STATE: "the network costs by volume",
}

_NOT_KNOWN: Final[dict[Reason, str]] = {
    Reason.EXCLUSIVE_APP_RUNNING: "whether a program that always wins is running",
    Reason.BATTERIES: "whether the computer runs on its battery",
    Reason.GPU_USAGE: "whether a game uses the GPU",
    Reason.USER_ACTIVE: "whether the computer is in use",
}

_AFTER: Final[dict[Reason, str]] = {
    Reason.USER_REQ: "when you turn it on",
    Reason.OS: "after it is back",
    Reason.EXCLUSIVE_APP_RUNNING: "after it ends",
    Reason.BATTERIES: "after it is plugged in",
    Reason.OVERHEATED: "after it has cooled down",
    Reason.FULL_SCREEN: "after it ends",
    Reason.VRAM_PRESSURE: "after they give it back",
    Reason.GPU_USAGE: "after they stop",
    Reason.OWNER_REQUESTS: "after the last answer",
    Reason.WIFI_STATE: "on another network",
}

_TOLD: Final[dict[str, str]] = {
    **{reason.word: words for reason, words in _WHY.items()},
    Reason.USER_REQ.word: "its owner has lending switched off",
    Reason.SNOOZED.word: "its owner lends nothing for a while",
    Reason.OWNER_REQUESTS.word: "its owner's requests are being answered",
    Reason.TIME_OF_DAY.word: "it is outside the hours that its owner set",
    "earnings_cap": "it earned what its owner wants in a day",
    "stopping": "it is stopping",
}


def told_words(word: str) -> str:
    """Why another machine lends nothing, as its heartbeat told by a reason's word."""
    return _TOLD.get(word, word.replace("_", " "))


def reason_words(cause: Cause, *, memory: str = "") -> str:
    """Why, without a verb before it: "a program that always wins is running (Cyberpunk2077)".

    `memory` is what the machine's is called, for a cause why that is given away.
    """
    if cause.unknown:
        return f"it is not known {_NOT_KNOWN[cause.reason]} ({cause.unknown})"
    words = _WHY[cause.reason]
    if memory and cause.reason is Reason.USER_REQ:
        words = f"{memory} was freed"
    if cause.is_over:
        return f"until just now {words}"
    if not cause.detail or cause.reason is Reason.TIME_OF_DAY:
        return words
    return f"{words} ({cause.detail})"


def resumes_words(cause: Cause, now: float) -> str:
    """When it goes on: "resumes 5 minutes after it ends"; "" where nobody can say."""
    if cause.reason is Reason.TIME_OF_DAY and cause.detail:
        return f"resumes {cause.detail}"
    if cause.resumes_at is not None:
        return f"resumes {_wait_words(cause.resumes_at - now)}"
    if cause.unknown or cause.reason not in _AFTER:
        return ""
    wait = length(cause.lasts_seconds) + " " if cause.lasts_seconds else ""
    after = _AFTER[cause.reason]
    return f"resumes {wait if after.startswith('after') else ''}{after}"


def cause_words(cause: Cause, now: float, *, memory: str = "") -> str:
    """The reason and when it goes on."""
    parts = (reason_words(cause, memory=memory), resumes_words(cause, now))
    return ", ".join(part for part in parts if part)


def memory_words(verdict: Verdict, now: float, *, memory: str) -> str:
    """What becomes of GPU memory, and why, in one line; `memory` is what it is called here."""
    if not verdict.memory_causes:
        return "models stay in memory while they are used"
    state = "asleep" if verdict.memory_causes[0].reason is Reason.USER_REQ else "paused"
    state = state if verdict.refuses_loads else "making room"
    return f"{state}: {cause_words(verdict.memory_causes[0], now, memory=memory)}"


def lending_words(verdict: Verdict, now: float) -> str:
    """Whether the GPU is lent, and why not, in one line."""
    if not verdict.lending_causes:
        return "lending" if verdict.lending == "lend" else "not lending: nobody has looked yet"
    cause = verdict.lending_causes[0]
    if cause.reason is Reason.USER_REQ:
        return "not lending: you have not turned it on"
    state = "finishing, then paused" if verdict.lending == "finish" else "paused"
    return f"{state}: {cause_words(cause, now)}"


def refusal_words(causes: Sequence[Cause], now: float, *, memory: str) -> str:
    """What a client is told whose model is not loaded. Names no program: a client may be a guest.

    `causes` are those of memory.
    """
    nameless = Cause(
        reason=causes[0].reason,
        since=causes[0].since,
        is_over=causes[0].is_over,
        lasts_seconds=causes[0].lasts_seconds,
        resumes_at=causes[0].resumes_at,
    )
    return f"this node loads no model now: {cause_words(nameless, now, memory=memory)}"


def fact_rows(facts: Facts) -> list[tuple[str, str, str]]:
    """Every fact as its name, its value in words, and why it is unknown ("" where it is known)."""
    rows = [
        _row("last input", facts.seconds_since_input, lambda value: f"{length(value)} ago"),
        _row("full-screen program", facts.full_screen, _yes),
        _row("programs that always win", facts.exclusive_programs, lambda v: ", ".join(v) or "-"),
        _row("on battery", facts.on_battery, _yes),
        _row("network costs by volume", facts.is_metered, _yes),
        ("time of the week", clock_words(facts.minute_of_week), ""),
    ]
    for gpu in facts.gpus:
        rows += _gpu_rows(gpu)
    return rows


def length(seconds: float) -> str:
    """A length of time in words: "40 seconds", "5 minutes", "2 hours", "3 days"."""
    whole = max(0, round(seconds))
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if whole >= 2 * size or (whole >= size and whole % size == 0):
            return _several(round(whole / size), unit)
    return _several(whole, "second")


def _wait_words(seconds: float) -> str:
    """Until something goes on, in whole minutes: a line that counts seconds would not hold still.

    It is the first line of the tray's menu, and a menu that is open must not jump.
    """
    minutes = math.ceil(seconds / 60)
    return "within a minute" if minutes <= 1 else f"in {length(60 * minutes)}"


def _several(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _row(name: str, fact: T | Unknown, words: Callable[[T], str]) -> tuple[str, str, str]:
    return (name, "", fact.why) if isinstance(fact, Unknown) else (name, words(fact), "")


def _gpu_rows(gpu: GpuFacts) -> list[tuple[str, str, str]]:
    return [
        _row(f"{gpu.name}: memory of other programs", gpu.others_bytes, _mebibytes),
        _row(f"{gpu.name}: use by other programs", gpu.others_busy_percent, lambda v: f"{v:.0f}%"),
        _row(f"{gpu.name}: temperature", gpu.temperature_celsius, lambda v: f"{v:.0f} °C"),
    ]


def _mebibytes(count: int) -> str:
    return f"{count / 1024**2:.0f} MiB"
