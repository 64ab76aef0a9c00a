"""Slash commands: what a line that begins with "/" does in a chat."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from app.cli.chat.answer import Answer
from app.cli.chat.conversation import Conversation
from app.core.base.errors import RequestError


@final
@dataclass(slots=True)
class Chat:
    """What the commands work on. `context` is that of the loaded model."""

    conversation: Conversation
    context: int
    last: Answer | None = None
    is_over: bool = False


@final
@dataclass(frozen=True, slots=True)
class SlashCommand:
    """One command: its words in /help and what it does; it returns what to show."""

    usage: str
    sentence: str
    act: Callable[[Chat, str], str]


def obey(chat: Chat, line: str) -> str:
    """Carry out a line such as `/set temperature 0.2`; what to show.

    Raises: RequestError when there is no such command, or its value is wrong.
    """
    name, _, rest = line.partition(" ")
    command = COMMANDS.get(name.lower())
    if command is None:
        raise RequestError(f"there is no command {name}", remedy="/help lists them.")
    return command.act(chat, rest.strip())


def stats_of(answer: Answer, context: int) -> str:
    """How fast the answer came, one line; "" where the server told nothing."""
    if answer.usage is None or answer.timings is None:
        return ""
    usage, timings = answer.usage, answer.timings
    first = answer.first_token_seconds
    parts = [
        f"{usage.completion_tokens} tokens at {timings.predicted_per_second:.1f} a second",
        f"prompt {usage.prompt_tokens} tokens, {usage.prompt_tokens_details.cached_tokens} cached",
        f"first token after {first:.2f} s" if first is not None else "",
        f"{usage.total_tokens} of {context} tokens of context" if context else "",
    ]
    return "; ".join(part for part in parts if part)


def _help(chat: Chat, rest: str) -> str:
    width = max(len(command.usage) for command in COMMANDS.values())
    commands = [f"{c.usage.ljust(width)}  {c.sentence}" for c in COMMANDS.values()]
    keys = (
        'Several lines: """ around them, a backslash at the end of each, or Ctrl-J between them.',
        "Ctrl-C stops an answer; a second Ctrl-C, or Ctrl-D, ends the chat.",
    )
    return "\n".join([*commands, *keys])


def _system(chat: Chat, rest: str) -> str:
    if not rest:
        return chat.conversation.system or "There is no system prompt."
    chat.conversation.system = "" if rest == "-" else rest
    return "The system prompt is set." if chat.conversation.system else "It is removed."


def _set(chat: Chat, rest: str) -> str:
    name, _, value = rest.partition(" ")
    if not name:
        parameters = chat.conversation.parameters
        return "\n".join(f"{k} = {v}" for k, v in parameters.items()) or "All have their defaults."
    chat.conversation.set_parameter(name, value.strip() or None)
    return f"{name} = {value.strip()}" if value.strip() else f"{name} has its default again."


def _clear(chat: Chat, rest: str) -> str:
    chat.conversation.clear()
    return "The conversation is forgotten."


def _stats(chat: Chat, rest: str) -> str:
    told = stats_of(chat.last, chat.context) if chat.last is not None else ""
    return told or "There is no whole answer yet."


def _exit(chat: Chat, rest: str) -> str:
    chat.is_over = True
    return ""


COMMANDS: Final = {
    "/help": SlashCommand("/help", "Show this.", _help),
    "/system": SlashCommand(
        "/system [TEXT]", "Show the system prompt, or set it; - removes it.", _system
    ),
    "/set": SlashCommand(
        "/set [NAME [VALUE]]", "Show parameters, or set one; no value: its default.", _set
    ),
    "/clear": SlashCommand("/clear", "Forget the conversation.", _clear),
    "/stats": SlashCommand("/stats", "Show how fast the last answer came.", _stats),
    "/exit": SlashCommand("/exit", "End the chat.", _exit),
}
