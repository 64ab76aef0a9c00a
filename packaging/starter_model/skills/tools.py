"""Calling one of one to three offered functions, and answering from its result."""

import json
import random
from collections.abc import Iterable, Sequence
from typing import Final

from starter_model.exchange import Exchange, Tool
from starter_model.skills.tool_families import Use, use_of_family, use_of_made_up

_ERRORS: Final = ("not found", "no connection", "timeout", "access denied", "unknown value")


def use(chance: random.Random) -> Use:
    """A use of any function."""
    return (use_of_family if chance.random() < 0.6 else use_of_made_up)(chance)


def compatible(uses: Iterable[Use]) -> list[Use]:
    """Those that can be offered together: no two of one name or of one subject."""
    kept: list[Use] = []
    for each in uses:
        if all(each.name != other.name and each.subject != other.subject for other in kept):
            kept.append(each)
    return kept


def offered(wanted: Sequence[Use], chance: random.Random) -> tuple[Tool, ...]:
    """The tools of these uses and at times others, at most three, in any order."""
    uses = list(wanted)
    while len(uses) < 3 and chance.random() < 0.55:
        uses = compatible((*uses, use(chance)))
    tools = [each.tool for each in uses]
    chance.shuffle(tools)
    return tuple(tools)


def call(use: Use, identity: str) -> Exchange:
    """The question, and the call as the right answer."""
    return Exchange("tool_call", use.question.lower(), (_asked(use), _called(use, identity)))


def round_trip(use: Use, identity: str, chance: random.Random) -> Exchange:
    """The question, the call, its result, and the answer from it."""
    result, answer = use.result, use.answer
    if chance.random() < 0.08:
        error = chance.choice(_ERRORS)
        result = json.dumps({"error": error})
        answer = f"The tool reported an error: {error}."
    told = {"role": "tool", "tool_call_id": identity, "content": result}
    said = {"role": "assistant", "content": answer}
    return Exchange(
        "tool_answer",
        f"{use.question.lower()} {result}",
        (_asked(use), _called(use, identity), told, said),
    )


def _asked(use: Use) -> dict[str, object]:
    return {"role": "user", "content": use.question}


def _called(use: Use, identity: str) -> dict[str, object]:
    """The assistant's turn with the call, arguments as the API gives them: JSON in a string."""
    function = {"name": use.name, "arguments": json.dumps(dict(use.arguments))}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": identity, "type": "function", "function": function}],
    }
