"""Verdict: where two sides' greedy answers part, and whether rounding explains it.

A near-tie is a place where both sides rank the other's choice closely behind their own; after it
the answers are different texts, and comparison ends.
"""

from dataclasses import dataclass
from typing import final

import msgspec

from benchmarks.client import PeerFailed


@final
@dataclass(frozen=True, slots=True)
class Chosen:
    """A token as one side chose it, with the likeliest candidates' log probabilities.

    `top` is empty where llama-server tells none: at tokens that end within a character.
    """

    token: int
    top: dict[int, float]

    def behind(self, other: int) -> float | None:
        """How far `other` is behind the choice, in nats: at least, when it is not in sight."""
        if not self.top:
            return None
        return self.top[self.token] - self.top.get(other, min(self.top.values()))


@final
class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where the two sides differ in a prompt."""

    prompt: int
    position: int
    left: int
    right: int
    left_gap: float | None
    """Nats between the two candidates as the left side sees them; None where it does not tell."""
    right_gap: float | None

    def is_near_tie(self, nats: float) -> bool:
        """Whether either might have won by rounding."""
        known = [gap for gap in (self.left_gap, self.right_gap) if gap is not None]
        return bool(known) and max(known) < nats


@final
class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All prompts, answered by two sides."""

    left: str
    right: str
    near_tie_nats: float
    prompts: int
    tokens_each: int
    equal: int
    differences: list[Difference]
    gap_difference_max: float
    """By how much, at most, the two sides see the runner-up behind the same choice differently, in
    nats: how far rounding went. Log probabilities themselves differ by more, since llama-server
    adds up 150,000 of them in single precision."""

    @property
    def faults(self) -> list[Difference]:
        """Differences that no rounding explains."""
        return [d for d in self.differences if not d.is_near_tie(self.near_tie_nats)]


Answers = list[list[Chosen]]
"""By prompt, then by position."""


def judge(
    left: str,
    lefts: Answers,
    right: str,
    rights: Answers,
    *,
    tokens_each: int,
    near_tie_nats: float,
) -> Comparison:
    """Where two sides' answers part. Raises: PeerFailed when one is short."""
    differences, moves = [], [0.0]
    for number, (ours, theirs) in enumerate(zip(lefts, rights, strict=True)):
        if not len(ours) == len(theirs) == tokens_each:
            raise PeerFailed(
                f"prompt {number}: {len(ours)} and {len(theirs)} of {tokens_each} tokens"
            )
        for position, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            if a.token != b.token:
                differences.append(
                    Difference(
                        prompt=number,
                        position=position,
                        left=a.token,
                        right=b.token,
                        left_gap=a.behind(b.token),
                        right_gap=b.behind(a.token),
                    )
                )
                break
            moves += _move(a, b)
    return Comparison(
        left=left,
        right=right,
        near_tie_nats=near_tie_nats,
        prompts=len(lefts),
        tokens_each=tokens_each,
        equal=len(lefts) - len(differences),
        differences=differences,
        gap_difference_max=max(moves),
    )


def _move(a: Chosen, b: Chosen) -> list[float]:
    """How differently two sides that choose alike see the runner-up; [] where one does not tell."""
    others = a.top.keys() & b.top.keys() - {a.token}
    if not others:
        return []
    runner_up = max(others, key=lambda token: a.top[token])
    return [abs((a.top[a.token] - a.top[runner_up]) - (b.top[b.token] - b.top[runner_up]))]


def summary(comparison: Comparison) -> str:
    """One line, and one for each difference."""
    c = comparison
    lines = [
        f"{c.left} | {c.right}: {c.equal} of {c.prompts} equal, gaps within "
        f"{c.gap_difference_max:.6f} nats"
    ]
    for found in c.differences:
        kind = "near-tie" if found.is_near_tie(c.near_tie_nats) else "FAULT"
        lines.append(
            f"  {kind}: prompt {found.prompt}, token {found.position}: {found.left} | "
            f"{found.right}, gaps {found.left_gap} | {found.right_gap} nats"
        )
    return "\n".join(lines)
