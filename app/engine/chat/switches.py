"""Switches: how a template is told to reason, not to reason, or how much.

There is no agreed name for it. The names in use are tried on the template; one counts if it changes
the prompt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final

from app.engine.chat.probe import USER, Message, Probe

_SWITCHES: Final[tuple[tuple[str, object, object], ...]] = (
    ("enable_thinking", False, True),
    ("thinking", False, True),
    ("reasoning", False, True),
    ("thinking_mode", "disabled", "enabled"),
    ("thinking_option", "off", "on"),
    ("thinking_budget", 0, -1),
    ("reasoning_effort", "no_think", "high"),
)
"""Name, its value for no reasoning, its value for reasoning."""

_EFFORTS: Final = ("reasoning_effort", "thinking_effort", "reasoning_strength")

SCALE: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Words for an effort, from the least."""


@final
@dataclass(frozen=True, slots=True)
class Switches:
    """What to give a template for a wished effort. Empty where the template has no such thing."""

    off: Mapping[str, object] = field(default_factory=dict)
    on: Mapping[str, object] = field(default_factory=dict)
    effort: str = ""
    """The variable that takes a word of `words`."""
    words: tuple[str, ...] = ()

    def variables(self, wish: str | None) -> dict[str, object]:
        """The template's variables for a wished `reasoning_effort`.

        "none" switches reasoning off where that can be done, and is the least effort elsewhere.
        Other words switch it on; a word that the template does not know becomes the nearest that it
        knows, the lesser of two. A word outside the scale is passed on as it is.
        """
        if wish is None:
            return {}
        if wish == "none" and self.off:
            return dict(self.off)
        chosen = {} if wish == "none" else dict(self.on)
        if self.effort and self.words:
            chosen[self.effort] = self._nearest(wish)
        return chosen

    def _nearest(self, wish: str) -> str:
        if wish not in SCALE or wish in self.words:
            return wish
        place = SCALE.index(wish)
        return min(self.words, key=lambda word: (abs(SCALE.index(word) - place), word != wish))


def learn_switches(probe: Probe) -> Switches:
    """The switches of the probe's template."""
    known = probe.template.variables
    off: dict[str, object] = {}
    on: dict[str, object] = {}
    for name, no, yes in _SWITCHES:
        is_word = isinstance(no, str)
        if is_word and no not in probe.template.texts:
            continue  # a template that prints any word would seem to know this one
        if name in known and not off:
            without, with_ = _prompt(probe, {name: no}), _prompt(probe, {name: yes})
            if without is not None and with_ is not None and without != with_:
                off, on = {name: no}, {name: yes}
    for name in _EFFORTS:
        if name not in known:
            continue
        prompts = {word: _prompt(probe, {**on, name: word}) for word in SCALE}
        taken = [word for word, prompt in prompts.items() if prompt is not None]
        named = [word for word in taken if word in probe.template.texts]
        words = [word for word in taken if word in {"low", "medium", "high"} or word in named]
        if len({prompts[word] for word in words}) > 1:
            return Switches(off, {} if name in on else on, name, tuple(words))
    return Switches(off, on)


def _prompt(probe: Probe, variables: dict[str, object]) -> str | None:
    user: Message = {"role": "user", "content": USER}
    return probe.render([user], variables, has_tools=False, has_prompt=True)
