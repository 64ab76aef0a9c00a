"""Fuel: how much work and room a template may use before it is stopped.

Theory: a template is a program by a stranger. Jinja cannot be interrupted, so the program is
rewritten (rewrite.py) and its operations are replaced (bounds.py) such that nothing happens for
long, or grows large, without asking here first. Three things are bounded: steps, the size of any
one value, and wall-clock time, which is read only once in a while because it costs more than a
step.

Invariant: between two calls of a `Meter` the interpreter does work that is linear in values whose
size a `Meter` has admitted.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar, final

from jinja2.exceptions import TemplateRuntimeError

T = TypeVar("T")

STEPS_BETWEEN_CLOCK_READS: Final = 512
CHARACTERS_A_STEP: Final = 256
"""Copying so many characters counts as one step; it also bounds what is alive at once."""

NODE_CHARACTERS: Final = 8
"""What a number or the brackets of a container are taken to be when written out."""


class LimitReached(TemplateRuntimeError):
    """The template asked for more than it may have."""


@final
@dataclass(frozen=True, slots=True)
class Limits:
    """What one rendering may use. Far above any conversation that fits a context."""

    steps: int = 2_000_000
    seconds: float = 2.0
    text: int = 8 * 1024 * 1024
    """Characters in one string, and in the whole output. A million tokens are about half."""
    items: int = 1_000_000
    """Elements in one list, and containers and leaves in one value that is compared or printed."""
    depth: int = 100
    """Calls within calls."""


@final
class Meter:
    """Counts what one rendering uses and raises LimitReached when it is too much.

    One at a time: `start` before each rendering.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self._clock = clock
        self._deadline = 0.0
        self._left = 0
        self._check_below = 0
        self._depth = 0

    def start(self) -> None:
        """A full tank, from now on."""
        self._deadline = self._clock() + self.limits.seconds
        self._left = self.limits.steps
        self._check_below = self._left - STEPS_BETWEEN_CLOCK_READS
        self._depth = 0

    def spend(self, steps: int = 1) -> None:
        """Take `steps`."""
        self._left -= steps
        if self._left < self._check_below:
            self._check()

    def copy(self, characters: int) -> None:
        """A string of so many characters is about to be made, or was made linearly."""
        if characters > self.limits.text:
            raise LimitReached(f"the chat template makes a text of {characters} characters")
        self.spend(1 + characters // CHARACTERS_A_STEP)

    def hold(self, items: int) -> None:
        """A list of so many elements is about to be made, or was made linearly."""
        if items > self.limits.items:
            raise LimitReached(f"the chat template makes a list of {items} elements")
        self.spend(1 + items // CHARACTERS_A_STEP)

    def admit(self, value: T) -> T:
        """`value`, which was just made by linear work, if it is not too large."""
        if isinstance(value, str):
            self.copy(len(value))
        elif isinstance(value, (list, tuple, dict)):
            self.hold(len(value))
        return value

    def weigh(self, value: object) -> int:
        """About how many characters `value` takes when written out, whatever is shared inside.

        A list that holds the same list twice, which holds the same list twice, and so on is small
        in memory and endless to compare or print; hence this count before either.
        """
        if isinstance(value, str):
            return len(value)
        characters = nodes = 0
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                characters += len(item) + NODE_CHARACTERS
                continue
            characters += NODE_CHARACTERS
            if isinstance(item, Mapping):
                inside: list[object] = [*item, *item.values()]
            elif isinstance(item, (list, tuple, set, frozenset)):
                inside = list(item)
            else:
                continue
            nodes += len(inside) + 1
            if nodes > self.limits.items:
                raise LimitReached("the chat template makes a value without end")
            self.spend(1 + len(inside) // 16)
            waiting += inside
        self.copy(characters)
        return characters

    def bounded(self, iterable: Iterable[T]) -> list[T]:
        """The elements, each drawn at the price of a step."""
        if isinstance(iterable, (list, tuple, str, dict)):
            self.hold(len(iterable))
            return list(iterable)
        elements = list(islice(iterable, self.limits.items + 1))
        self.hold(len(elements))
        self.spend(len(elements))
        return elements

    def enter(self) -> None:
        """One call deeper."""
        self._depth += 1
        if self._depth > self.limits.depth:
            raise LimitReached("the chat template calls itself without end")
        self.spend()

    def leave(self) -> None:
        """Back from a call."""
        self._depth -= 1

    def _check(self) -> None:
        if self._left < 0:
            raise LimitReached(f"the chat template takes more than {self.limits.steps} steps")
        if self._clock() > self._deadline:
            raise LimitReached(f"the chat template takes longer than {self.limits.seconds} seconds")
        self._check_below = self._left - STEPS_BETWEEN_CLOCK_READS
