"""The line of a chat: what its keys do to the text, and how the terminal shows it."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.chat.editor import picture_of
from app.cli.chat.line import Done, Line, Pasted, key_in
from app.cli.exit_codes import Exit
from tests.cli.terminal import CTRL_D, CTRL_J, ENTER, terminal
from tests.support.node import RunningNode, put_toy, running_node

LEFT, RIGHT, UP, DOWN = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"
HOME, END, DELETE, BACKSPACE = "\x1b[H", "\x1bOF", "\x1b[3~", "\x7f"
CTRL_LEFT, ALT_D = "\x1b[1;5D", "\x1bd"
CTRL_K, CTRL_U, CTRL_W, CTRL_Y = "\x0b", "\x15", "\x17", "\x19"
TAB = "\t"

TYPED = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
KEYS = st.one_of(
    TYPED.map(Pasted),
    st.sampled_from(
        [LEFT, RIGHT, UP, DOWN, HOME, END, DELETE, BACKSPACE, CTRL_LEFT, ALT_D, CTRL_K, CTRL_U,
         CTRL_W, CTRL_Y, TAB, CTRL_J, "\x1b[99~", "\x01"],
    ),
    st.characters(exclude_categories=["Cs", "Cc"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    home = tmp_path_factory.mktemp("typed") / "home"
    with running_node(home, "--model", str(put_toy(home))) as node:
        yield node


def pressed(typed: str, line: Line | None = None) -> tuple[Line, Done | None]:
    """The line after all that was typed, and what ended it."""
    line = line or Line()
    place, done = 0, None
    while done is None and (found := key_in(typed, place)) is not None:
        key, place = found
        done = line.press(key)
    return line, done


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        (f"helo{LEFT}l", "hello"),
        (f"ello{HOME}h{END}!", "hello!"),
        (f"helllo{LEFT}{BACKSPACE}", "hello"),
        (f"xhello{HOME}{DELETE}", "hello"),
        (f"one two{CTRL_LEFT}{CTRL_K}", "one "),
        (f"one two{CTRL_W}", "one "),
        (f"one two{CTRL_U}", ""),
        (f"one two{CTRL_W}{HOME}{CTRL_Y} ", "two one "),
        (f"one two{HOME}{ALT_D}", " two"),
        (f"one{CTRL_J}two", "one\ntwo"),
        ("one\x1b[200~ two\rthree\x15\x1b[201~", "one two\nthree\x15"),
        ("\x1b[200~\t\x1b[201~", "\t"),
        (f"e\u0301{BACKSPACE}x", "x"),
        (f"日本{LEFT}x", "日x本"),
        ("a\x1b[99~\x00b", "ab"),
    ],
)
def test_keys_change_the_text_as_fingers_expect(typed: str, text: str) -> None:
    assert pressed(typed)[0].text == text


def test_enter_sends_and_ctrl_d_ends_where_nothing_is_typed() -> None:
    assert pressed(f"hello{ENTER}")[1] is Done.SENT
    assert pressed(CTRL_D)[1] is Done.END
    assert pressed(f"hello{CTRL_D}")[1] is None


def test_nothing_that_is_pasted_sends_or_ends() -> None:
    for inside in ("\r", "\x04", "one\r\n"):
        assert pressed(f"\x1b[200~{inside}\x1b[201~")[1] is None


@pytest.mark.parametrize("half", ["\x1b", "\x1b[", "\x1b[1;", "\x1b[200~", "\x1b[200~one\x1b[20"])
def test_half_a_key_waits_for_its_other_half(half: str) -> None:
    assert key_in(f"a{half}", 1) is None


def test_the_history_is_walked_through_and_the_new_line_is_kept() -> None:
    line, _ = pressed(f"new{UP}{UP}", Line(history=["first", "second"]))
    assert line.text == "first"

    assert pressed(f"{UP}", line)[0].text == "first"
    assert pressed(f"{DOWN}{DOWN}", line)[0].text == "new"
    assert pressed(f"{DOWN}", line)[0].text == "new"


@pytest.mark.parametrize(
    ("typed", "text"), [("/he", "/help"), ("/s", "/s"), ("/st", "/stats"), ("x", "x"), ("", "")]
)
def test_tab_goes_on_as_far_as_there_is_one_way(typed: str, text: str) -> None:
    words = ["/help", "/set", "/stats", "/system"]

    assert pressed(f"{typed}{TAB}", Line(words))[0].text == text


@given(st.lists(KEYS))
def test_whatever_is_pressed_the_cursor_stands_in_the_text(keys: list[str | Pasted]) -> None:
    line = Line(["/help"], ["one", "two"])

    for key in keys:
        line.press(key)
        assert 0 <= line.cursor <= len(line.text)


@given(TYPED.map(lambda text: text.replace("\x1b", "")))
def test_what_is_pasted_arrives_whole(text: str) -> None:
    line, _ = pressed(f"\x1b[200~{text}\x1b[201~")

    assert line.text == text.replace("\r\n", "\n").replace("\r", "\n")


def test_a_long_line_goes_on_in_the_next_row_with_the_cursor_in_it() -> None:
    shown = picture_of("> ", "abcdefgh", 8, 6)

    assert shown.rows == ["> abc", "defgh"]
    assert (shown.row, shown.column) == (1, 5)
    assert picture_of("> ", "abcdefgh", 3, 6).row == 1


def test_a_wide_character_is_not_cut_in_two() -> None:
    assert picture_of("> ", "a日本", 3, 6).rows == ["> a日", "本"]


@given(TYPED, st.integers(4, 40), st.integers(2, 10))
def test_no_row_is_too_wide_and_the_cursor_is_among_those_that_are_shown(
    text: str, columns: int, height: int
) -> None:
    for cursor in range(len(text) + 1):
        window = picture_of("> ", text, cursor, columns).window(height)

        assert len(window.rows) <= height
        assert 0 <= window.row < len(window.rows)
        assert window.column < columns


@given(TYPED)
def test_nothing_that_is_typed_steers_the_terminal(text: str) -> None:
    shown = "".join(picture_of("> ", text, 0, 20).rows)

    assert not [char for char in shown if ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0]


def test_a_line_is_edited_sent_and_found_again_in_a_chat(served: RunningNode) -> None:
    with terminal("run", "toy", home=served.home) as screen:
        screen.expect("/help shows")
        screen.expect("> ")
        screen.type(f"wrld{LEFT}{LEFT}{LEFT}o{ENTER}")
        screen.expect("\x1b[?2004l")
        screen.expect("world\r\n")
        screen.expect("> ")
        screen.type(f"{UP} again{ENTER}")
        screen.expect("\x1b[?2004l")

        screen.expect("world again\r\n")


def test_after_ctrl_z_the_line_is_shown_again_and_goes_on(served: RunningNode) -> None:
    with terminal("run", "toy", home=served.home) as screen:
        screen.expect("/help shows")
        screen.expect("> ")
        screen.type("hal")
        screen.expect("> hal")
        # What a shell does to go on with what Ctrl-Z stopped.
        screen.process.send_signal(signal.SIGCONT)
        screen.expect("> hal")
        screen.type(f"f{ENTER}")
        screen.expect("\x1b[?2004l")

        screen.expect("half\r\n")


def test_the_terminal_is_left_as_it_was_found(served: RunningNode) -> None:
    with terminal("run", "toy", home=served.home) as screen:
        before = screen.modes()
        screen.expect("/help shows")
        screen.expect("> ")
        assert screen.modes() != before
        screen.type(CTRL_D)
        assert screen.ended() == Exit.OK

        assert screen.modes() == before
