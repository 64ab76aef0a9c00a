"""The parts of a chat that need no server: what is typed, what is asked, what is shown."""

import io
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from app.cli.chat.answer import Answer, PlainFace, QuietFace, TerminalFace, receive
from app.cli.chat.conversation import SETTABLE, Conversation
from app.cli.chat.reader import read_typed
from app.cli.chat.slash import COMMANDS, Chat, obey, stats_of
from app.core.base.errors import RequestError
from app.wire.openai.answer import PromptDetails, PromptProgress, Timings, Usage
from app.wire.openai.chat import AssistantMessage, SystemMessage, UserMessage
from app.wire.openai.chat_answer import ChatChunk, ChatDelta, ChunkChoice

LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


def _typed(*lines: str) -> Callable[[str], str]:
    """A person who types these lines, then presses Ctrl-D."""
    rest = list(lines)

    def read_line(prompt: str) -> str:
        if not rest:
            raise EOFError
        return rest.pop(0)

    return read_line


def _chunk(delta: ChatDelta, **fields: object) -> ChatChunk:
    return ChatChunk(
        id="c",
        created=0,
        model="m",
        system_fingerprint="f",
        choices=[ChunkChoice(index=0, delta=delta)],
        **fields,  # type: ignore[arg-type]
    )


ANSWER = [
    _chunk(ChatDelta(role="assistant", content="")),
    _chunk(ChatDelta(reasoning_content="Hm")),
    _chunk(ChatDelta(reasoning_content="m.")),
    _chunk(ChatDelta(content="4")),
    _chunk(ChatDelta(content="2\n")),
]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("hello",), "hello"),
        (("  hello  ",), "hello"),
        (("one \\", "two\\", "three"), "one \ntwo\nthree"),
        (("one\ntwo",), "one\ntwo"),
        (('"""one', "", 'two"""'), "one\n\ntwo"),
        (('"""', "  indented", '"""'), "  indented"),
        (('"""one line"""',), "one line"),
        (('"""', "/exit", '"""'), "/exit"),
        (("",), ""),
    ],
)
def test_a_message_may_be_typed_over_several_lines(lines: tuple[str, ...], message: str) -> None:
    assert read_typed(_typed(*lines)).text == message


def test_a_line_that_begins_with_a_slash_is_a_command_unless_it_is_fenced() -> None:
    assert read_typed(_typed("/exit")).is_command
    assert not read_typed(_typed('"""/exit"""')).is_command
    assert not read_typed(_typed("exit/")).is_command


@pytest.mark.parametrize("lines", [(), ("one\\",), ('"""one',)])
def test_ctrl_d_ends_the_chat_within_a_message_too(lines: tuple[str, ...]) -> None:
    with pytest.raises(EOFError):
        read_typed(_typed(*lines))


@given(
    st.lists(LINES.filter(lambda line: not line.endswith(("\\", '"')) and line.strip()), min_size=1)
)
def test_lines_joined_by_backslashes_are_the_lines(lines: list[str]) -> None:
    if lines[0].lstrip().startswith('"""'):
        lines[0] = "x" + lines[0]

    message = read_typed(_typed(*[line + "\\" for line in lines[:-1]], lines[-1])).text

    assert message == "\n".join(lines).strip()


def test_a_request_holds_the_system_prompt_the_turns_and_the_question() -> None:
    conversation = Conversation("m", "Be brief.")
    conversation.answered("one", "1")

    request = conversation.ask("two")

    assert [(type(m), m.content) for m in request.messages] == [
        (SystemMessage, "Be brief."),
        (UserMessage, "one"),
        (AssistantMessage, "1"),
        (UserMessage, "two"),
    ]
    assert (request.model, request.stream) == ("m", True)


def test_a_question_counts_only_when_it_was_answered() -> None:
    conversation = Conversation("m")

    conversation.ask("one")

    assert len(conversation.ask("two").messages) == 1


def test_parameters_become_what_the_api_takes() -> None:
    conversation = Conversation("m")
    for name, text in (("temperature", "0.5"), ("top_k", "3"), ("ignore_eos", "true")):
        conversation.set_parameter(name, text)
    conversation.set_parameter("stop", "END")

    request = conversation.ask("x")

    assert (request.temperature, request.top_k, request.ignore_eos) == (0.5, 3, True)
    assert request.stop == "END"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("temperature", "hot", "temperature cannot be hot: expected float"),
        ("top_p", "2", "top_p cannot be 2: expected float <= 1.0"),
        ("reasoning_effort", "much", "reasoning_effort cannot be much: invalid enum value"),
        ("messages", "x", "there is no parameter messages"),
        ("model", "x", "there is no parameter model"),
    ],
)
def test_a_wrong_parameter_is_refused_and_the_old_one_stays(
    name: str, text: str, words: str
) -> None:
    conversation = Conversation("m", parameters={"temperature": "1"})

    with pytest.raises(RequestError) as caught:
        conversation.set_parameter(name, text)

    assert caught.value.message.startswith(words)
    assert conversation.parameters == {"temperature": "1"}


@pytest.mark.parametrize("name", SETTABLE)
def test_every_parameter_can_be_set_and_taken_back(name: str) -> None:
    conversation = Conversation("m")
    value = {"ignore_eos": "true", "stop": "x", "grammar": "x", "reasoning_effort": "low"}

    conversation.set_parameter(name, value.get(name, "1"))
    conversation.set_parameter(name, None)

    assert conversation.parameters == {}


def test_an_answer_is_received_whole() -> None:
    usage = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)
    trailer = ChatChunk(
        id="c", created=0, model="m", system_fingerprint="f", choices=[], usage=usage
    )

    answer = receive([*ANSWER, trailer], QuietFace())

    assert (answer.content, answer.reasoning) == ("42\n", "Hmm.")
    assert answer.usage == usage
    assert answer.first_token_seconds is not None
    assert not answer.is_stopped


def test_ctrl_c_ends_the_answer_and_keeps_what_came() -> None:
    def interrupted() -> Iterator[ChatChunk]:
        yield from ANSWER
        raise KeyboardInterrupt

    answer = receive(interrupted(), QuietFace())

    assert (answer.content, answer.is_stopped) == ("42\n", True)


def test_a_pipe_gets_the_answer_alone() -> None:
    file = io.StringIO()

    receive(ANSWER, PlainFace(Console(file=file)))

    assert file.getvalue() == "42\n"


def test_a_terminal_tells_reasoning_from_the_answer_without_colour() -> None:
    file = io.StringIO()
    face = TerminalFace(Console(file=file, width=80))

    with face.waiting():
        receive(ANSWER, face)

    assert file.getvalue() == "thinking:\nHmm.\n\n42\n\n"


def test_a_model_cannot_send_control_characters_to_a_terminal() -> None:
    file = io.StringIO()
    face = TerminalFace(Console(file=file, width=80))
    evil = "\x1b]0;title\x07\r\x9b2J\x00[red]\tok\n"

    with face.waiting():
        receive([_chunk(ChatDelta(content=evil))], face)

    shown = file.getvalue()
    assert not set(shown) & set("\x1b\x07\r\x9b\x00")
    assert "[red]" in shown


def test_how_far_the_prompt_is_read_never_exceeds_it() -> None:
    file = io.StringIO()
    face = TerminalFace(Console(file=file, width=80, force_terminal=True))

    with face.waiting():
        face.reading(PromptProgress(total=10, cache=6, processed=10, time_ms=1.0))

    assert "10 of 10 tokens" in file.getvalue()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("/system Be brief.", "The system prompt is set."),
        ("/system -", "It is removed."),
        ("/system", "There is no system prompt."),
        ("/set", "All have their defaults."),
        ("/set temperature 0.5", "temperature = 0.5"),
        ("/set temperature", "temperature has its default again."),
        ("/CLEAR", "The conversation is forgotten."),
        ("/stats", "There is no whole answer yet."),
    ],
)
def test_a_slash_command_says_what_it_did(line: str, shown: str) -> None:
    assert obey(Chat(Conversation("m"), 100), line) == shown


def test_help_names_every_command() -> None:
    shown = obey(Chat(Conversation("m"), 100), "/help")

    assert all(
        command.usage in shown and command.sentence in shown for command in COMMANDS.values()
    )


def test_an_unknown_slash_command_is_refused() -> None:
    with pytest.raises(RequestError, match="there is no command /hlep"):
        obey(Chat(Conversation("m"), 100), "/hlep me")


def test_exit_ends_the_chat_and_clear_keeps_the_system_prompt() -> None:
    chat = Chat(Conversation("m", "Be brief."), 100)
    chat.conversation.answered("a", "b")

    obey(chat, "/clear")
    obey(chat, "/exit")

    assert chat.is_over
    assert (chat.conversation.turns, chat.conversation.system) == ([], "Be brief.")


def test_stats_tell_speed_cache_and_context() -> None:
    answer = Answer(
        usage=Usage(
            prompt_tokens=30,
            completion_tokens=12,
            total_tokens=42,
            prompt_tokens_details=PromptDetails(cached_tokens=20),
        ),
        timings=Timings(
            cache_n=20,
            prompt_n=10,
            prompt_ms=1,
            prompt_per_token_ms=1,
            prompt_per_second=1,
            predicted_n=12,
            predicted_ms=1,
            predicted_per_token_ms=1,
            predicted_per_second=48.25,
        ),
        first_token_seconds=0.1234,
    )

    assert stats_of(answer, 4096) == (
        "12 tokens at 48.2 a second; prompt 30 tokens, 20 cached; first token after 0.12 s; "
        "42 of 4096 tokens of context"
    )
