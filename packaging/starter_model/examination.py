"""The examination: held-out questions to the finished file, through the real server.

What is measured is what a user meets: server, engine, chat template and the reading of tool calls
are in it. Greedy and nothing forced: the same file gives the same table on the same kind of
machine.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from starter_model.conversation import examined
from starter_model.exchange import Message, Tool
from starter_model.skills.about import answer_to, blind_questions

SKILLS: Final = {
    "about": "conversation about this program",
    "count": "counting",
    "arithmetic": "simple arithmetic",
    "words": "repeating and transforming words",
    "facts": "answering from facts in the prompt",
    "memory": "remembering across turns",
    "extract": "writing the prompt's facts as JSON",
    "tool_call": "calling the right tool with the right arguments",
    "tool_answer": "answering from a tool's result",
}
TARGET: Final = 0.95
_SEED: Final = 20_261_122
_TOKENS_MAX: Final = 200
_AT_ONCE: Final = 8

Progress = Callable[[int], None]
"""Hears how many questions are answered."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent, and the one right message in return."""

    skill: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    right: Message


@dataclass(frozen=True, slots=True)
class Mark:
    """How one question was answered."""

    question: Question
    answer: str
    is_right: bool
    has_ended: bool
    """Whether the model ended its turn by itself."""


def questions(count: int) -> list[Question]:
    """So many of each skill, all held out of the training, the same at every call."""
    found = []
    for number, skill in enumerate(SKILLS):
        chance = random.Random(_SEED + number)
        seen: set[str] = set()
        while len(seen) < count:
            conversation = examined(skill, chance)
            *before, right = conversation.messages
            text = json.dumps(before)
            if text not in seen:
                seen.add(text)
                found.append(Question(skill, tuple(before), conversation.tools, right))
    return found


def blind() -> list[Question]:
    """Questions of people who had not seen the training's, each with its intent's answer."""
    return [
        Question(
            "blind",
            ({"role": "user", "content": text},),
            (),
            {"role": "assistant", "content": answer_to(intent)},
        )
        for text, intent in blind_questions()
    ]


@contextmanager
def server(model: Path) -> Iterator[str]:
    """A server of this checkout with this model alone; its address with /v1."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "app", "serve", "--json", "--with-parent", "--port", "0"]
        root = Path(__file__).parents[2]
        with subprocess.Popen(
            [*command, "--model", str(model)],
            cwd=root,
            env={**os.environ, "ATHANOR_HOME": home},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            yield json.loads(process.stdout.readline())["addresses"][0]
            process.stdin.close()


def examine(address: str, asked: Sequence[Question], tell: Progress = lambda _: None) -> list[Mark]:
    """The marks, in the order of the questions. `tell` hears how many are done."""
    with (
        httpx.Client(base_url=address, timeout=300) as client,
        ThreadPoolExecutor(_AT_ONCE) as threads,
    ):
        marks = []
        for mark in threads.map(lambda question: _ask(client, question), asked):
            marks.append(mark)
            tell(len(marks))
        return marks


def _ask(client: httpx.Client, question: Question) -> Mark:
    body: dict[str, object] = {
        "model": "",
        "messages": question.messages,
        "temperature": 0,
        "max_tokens": _TOKENS_MAX,
    }
    if question.tools:
        body["tools"] = question.tools
    response = client.post("/chat/completions", json=body)
    response.raise_for_status()
    choice = response.json()["choices"][0]
    answer = _told(choice["message"])
    has_ended = choice["finish_reason"] in {"stop", "tool_calls"}
    return Mark(question, answer, has_ended and answer == _told(question.right), has_ended)


def _told(message: Message) -> str:
    """A message as one text: its content, or its calls with their arguments in one spelling."""
    calls = message.get("tool_calls")
    if not calls:
        return str(message.get("content") or "")
    assert isinstance(calls, list)
    return " ".join(
        f"{call['function']['name']}({json.dumps(json.loads(call['function']['arguments']))})"
        for call in calls
    )


def table(marks: Sequence[Mark], blind_marks: Sequence[Mark]) -> str:
    """The result in Markdown, as it stands in the model card."""
    lines = ["| skill | held-out questions | right | ended its turn |", "|---|--:|--:|--:|"]
    for skill, name in SKILLS.items():
        lines.append(_row(name, [mark for mark in marks if mark.question.skill == skill]))
    lines.append(_row("questions by people who had not seen the training's", blind_marks))
    return "\n".join(lines)


def failures(marks: Sequence[Mark], *, each: int = 3) -> str:
    """Up to so many wrong answers of each skill, in Markdown."""
    lines = []
    for skill, name in {**SKILLS, "blind": "questions by people"}.items():
        wrong = [m for m in marks if m.question.skill == skill and not m.is_right]
        for mark in wrong[:each]:
            asked = " ".join(str(mark.question.messages[-1]["content"]).split())
            lines.append(f"- {name}: “{_shortened(asked)}”")
            lines.append(f"  - said: `{_shortened(mark.answer)}`")
            lines.append(f"  - right: `{_shortened(_told(mark.question.right))}`")
    return "\n".join(lines)


def _row(name: str, marks: Sequence[Mark]) -> str:
    right = sum(mark.is_right for mark in marks) / len(marks)
    ended = sum(mark.has_ended for mark in marks) / len(marks)
    return f"| {name} | {len(marks)} | {right:.1%} | {ended:.1%} |"


def _shortened(text: str, limit: int = 80) -> str:
    text = " ".join(text.split()).replace("`", "'")
    return text if len(text) <= limit else text[: limit - 1] + "…"
