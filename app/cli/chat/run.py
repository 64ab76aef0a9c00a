"""`athanor run`: talk to a model in the terminal, or ask it one thing in a pipe."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import click
import msgspec
from msgspec.structs import replace
from rich.markup import escape

from app.cli.chat.answer import Answer, PlainFace, QuietFace, TerminalFace, receive
from app.cli.chat.conversation import Conversation
from app.cli.chat.reader import editing, read_typed
from app.cli.chat.slash import COMMANDS, Chat, obey
from app.cli.command import MODEL_IF_ANY, command
from app.cli.exit_codes import Exit
from app.cli.flags import WISHES, load_request, setting_flags
from app.cli.output import note, print_error, print_json, stderr, stdout
from app.cli.progress import load_with_progress
from app.cli.server import running_or_own
from app.client.client import Client
from app.client.errors import ServerRefused
from app.core.base.errors import AthanorError, ContextExceeded
from app.core.member.credits import credits_words
from app.core.models.demonstration import DESCRIPTION, REMEDY, labelled
from app.wire.local import LoadRequest
from app.wire.openai.answer import Timings, Usage
from app.wire.pool_local import POOL_PREFIX


class RunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, whole."""

    model: str
    is_demonstration: bool
    """The model is the tiny one that comes with Athanor."""
    content: str
    reasoning: str
    finish_reason: str | None
    usage: Usage | None
    timings: Timings | None


@dataclass(frozen=True, slots=True)
class Answering:
    """What answers: a model at home, or one of the pool."""

    model: str
    context: int
    is_demonstration: bool = False


@command(
    "run",
    examples=(
        ("chat with the default model", "athanor run"),
        ("chat with another", "athanor run qwen3-8b"),
        ("ask one thing", 'athanor run qwen3-8b "Why is the sky blue?"'),
        ("ask the default model", 'athanor run "What is this program?"'),
        ("ask a model of the pool", 'athanor run pool/qwen3-70b "Why is the sky blue?"'),
        ("about a file", 'athanor run qwen3-8b "Summarise this:" < notes.txt'),
        ("with a system prompt and sampling", 'athanor run m --system "Be brief." --set seed=1'),
    ),
    answer=RunAnswer,
)
@MODEL_IF_ANY
@click.argument("prompt", required=False)
@click.option("--system", default="", metavar="TEXT", help="The system prompt.")
@click.option(
    "--set",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the API, such as temperature=0.2; may be given several times.",
)
@setting_flags(WISHES)
def run(
    *,
    model: str,
    prompt: str | None,
    system: str,
    parameters: tuple[str, ...],
    is_json: bool,
    **wishes: str | None,
) -> int:
    """Talk to a model.

    Without MODEL it is the default one, with pool/MODEL one of the pool's; a single text of several
    words that names no model is the PROMPT. In a pipe, or with a PROMPT, the answer is all that is
    printed; what stdin holds is put below the prompt. Without a running server one is started for
    the time of the chat.
    """
    conversation = Conversation(model, system)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        conversation.set_parameter(name.strip(), value)
    request = load_request(model, wishes)
    piped = "" if sys.stdin.isatty() else _piped()
    is_chat = prompt is None and sys.stdin.isatty() and not is_json
    may_be_prompt = prompt is None and len(model.split()) > 1
    if not (is_chat or may_be_prompt):
        _text_of(prompt, piped)
    with running_or_own() as client:
        answering, is_prompt = _answering(client, request, may_be_prompt=may_be_prompt)
        if is_prompt:
            prompt, is_chat = model, False
        if is_prompt or not model:
            conversation.model = answering.model
        if is_chat:
            with editing([*COMMANDS]) as read_line:
                return _chat(client, conversation, answering, read_line)
        text = _text_of(prompt, piped)
        return _ask_once(client, conversation, text, answering=answering, is_json=is_json)


def _answering(
    client: Client, request: LoadRequest, *, may_be_prompt: bool
) -> tuple[Answering, bool]:
    """What answers; and True where what stood for a model's name is a prompt."""
    if request.model.startswith(POOL_PREFIX):
        quote = client.pool_quote(request.model, prompt=0, answer=0)
        return Answering(quote.model, quote.context), False
    try:
        return _loaded(client, request), False
    except ServerRefused as refused:
        if not (may_be_prompt and refused.status == HTTPStatus.NOT_FOUND):
            raise
    return _loaded(client, replace(request, model="")), True


def _loaded(client: Client, request: LoadRequest) -> Answering:
    engine = load_with_progress(client, request).engine
    return Answering(engine.model, engine.context, is_demonstration=engine.is_demonstration)


def _piped() -> str:
    """What stdin holds. Raises: UsageError where that is no text."""
    try:
        return sys.stdin.read().strip("\n")
    except UnicodeDecodeError:
        raise click.UsageError(
            "what stdin holds is not text in UTF-8; `iconv -f LATIN1 -t UTF-8 FILE` converts it"
        ) from None


def _text_of(prompt: str | None, piped: str) -> str:
    """The prompt, with what stdin holds below it. Raises: UsageError where there is neither."""
    text = "\n\n".join(part for part in (prompt, piped) if part)
    if not text:
        raise click.UsageError("there is no prompt: neither an argument nor anything in stdin")
    return text


def _ask_once(
    client: Client, conversation: Conversation, text: str, *, answering: Answering, is_json: bool
) -> int:
    if answering.is_demonstration and not is_json:
        note(f"{DESCRIPTION} {REMEDY}")
    if is_json:
        answer = receive(client.chat(conversation.ask(text)), QuietFace())
        shown = RunAnswer(
            model=conversation.model,
            is_demonstration=answering.is_demonstration,
            content=answer.content,
            reasoning=answer.reasoning,
            finish_reason=answer.finish_reason,
            usage=answer.usage,
            timings=answer.timings,
        )
        print_json(shown)
    elif sys.stdout.isatty():
        answer = _shown(client, conversation, text)
    else:
        answer = receive(client.chat(conversation.ask(text)), PlainFace(stdout()))
        if not answer.content.endswith("\n"):
            sys.stdout.write("\n")
    return Exit.INTERRUPTED if answer.is_stopped else Exit.OK


def _chat(
    client: Client,
    conversation: Conversation,
    answering: Answering,
    read_line: Callable[[str], str],
) -> int:
    chat = Chat(conversation, answering.context)
    name = labelled(answering.model, is_demonstration=answering.is_demonstration)
    stderr().print(
        f"[bold]{escape(name)}[/], {chat.context} tokens of context. "
        "/help shows what else there is; Ctrl-D ends the chat.",
        soft_wrap=True,
    )
    if answering.is_demonstration:
        note(f"{DESCRIPTION} {REMEDY}")
    was_interrupted = False
    while not chat.is_over:
        try:
            typed = read_typed(read_line)
        except EOFError:
            break
        except KeyboardInterrupt:
            if was_interrupted:
                break
            was_interrupted = True
            note("Ctrl-C again, or Ctrl-D, ends the chat.")
            continue
        was_interrupted = False
        try:
            if typed.is_command:
                shown = obey(chat, typed.text)
                stdout().print(shown, markup=False, soft_wrap=True) if shown else None
            elif typed.text:
                was_interrupted = _turn(client, chat, typed.text)
        except AthanorError as error:
            # An answer that failed does not end the chat; a server that is gone shows at the next.
            print_error(error, is_json=False)
            if isinstance(error, ServerRefused) and error.code == ContextExceeded.kind:
                note("/clear forgets the conversation so far.")
    return Exit.OK


def _turn(client: Client, chat: Chat, text: str) -> bool:
    """One question with its answer; whether the answer was stopped by Ctrl-C."""
    answer = _shown(client, chat.conversation, text)
    chat.last = answer
    if answer.content or not answer.is_stopped:
        chat.conversation.answered(text, answer.content)
    return answer.is_stopped


def _shown(client: Client, conversation: Conversation, text: str) -> Answer:
    """An answer on the terminal, with a note where it is not whole."""
    face = TerminalFace(stdout())
    with face.waiting():
        answer = receive(client.chat(conversation.ask(text)), face)
    if answer.is_stopped:
        note("Stopped.")
    elif answer.finish_reason == "length":
        note("The answer was cut off: it reached max_tokens, or the end of the context.")
    if answer.usage and answer.usage.cost_micros:
        note(f"It cost {credits_words(answer.usage.cost_micros)}.")
    return answer
