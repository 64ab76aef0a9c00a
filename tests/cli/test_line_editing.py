"""The line of a chat in a real terminal: what its keys do to a message, and how it is left."""

import sys
from collections.abc import Iterator

import pytest

from app.cli.exit_codes import Exit
from tests.cli.terminal import (
    CTRL_C,
    CTRL_D,
    CTRL_J,
    CTRL_Z,
    ENTER,
    MORE,
    PROMPT,
    Terminal,
    terminal,
    terminal_of,
)
from tests.support.node import RunningNode, put_toy, running_node

LEFT, UP = "\x1b[D", "\x1b[A"
CTRL_W = "\x17"
TAB = "\t"
SENT = "\x1b[?2004l"
"""What is pasted is no longer marked: the line is done."""
ASKS_FOR_THE_CURSOR = "\x1b[6n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One node for the whole file; its model echoes."""
    home = tmp_path_factory.mktemp("typed") / "home"
    with running_node(home, "--model", str(put_toy(home))) as node:
        yield node


@pytest.fixture
def screen(served: RunningNode) -> Iterator[Terminal]:
    """A chat that waits for its first message."""
    with terminal("run", "toy", home=served.home) as chat:
        chat.expect("/help shows")
        chat.expect(PROMPT)
        yield chat


def echoed(screen: Terminal, typed: str) -> str:
    """The one row that the model answers, when this is typed and sent."""
    screen.type(typed)
    screen.expect(SENT)
    screen.expect("tokens\r\n")
    screen.expect("\x1b[2K")
    return screen.expect("\r\n")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (f"wrld{LEFT}{LEFT}{LEFT}o", "world"),
        (f"one two{CTRL_W}three", "one three"),
        (f"日本{LEFT}x", "日x本"),
        (f"x{TAB}y /he{TAB}", "xy /he"),
    ],
)
def test_keys_change_the_message_as_fingers_expect(
    screen: Terminal, typed: str, message: str
) -> None:
    assert echoed(screen, f"{typed}{ENTER}") == message


def test_what_was_sent_is_found_again_and_is_on_no_disk(
    screen: Terminal, served: RunningNode
) -> None:
    echoed(screen, f"crimson{ENTER}")
    screen.expect(PROMPT)

    assert echoed(screen, f"{UP} again{ENTER}") == "crimson again"
    files = [path for path in served.home.rglob("*") if path.is_file()]
    assert not [path for path in files if b"crimson" in path.read_bytes()]


def test_tab_completes_a_command_or_shows_which_there_are(screen: Terminal) -> None:
    screen.type(f"/s{TAB}")
    screen.expect(SENT)
    shown = screen.expect("> /s")
    screen.type(f"ta{TAB}{ENTER}")
    screen.expect("There is no whole answer yet.")

    assert all(command in shown for command in ("/set", "/stats", "/system"))


def test_pasted_lines_are_one_message(screen: Terminal) -> None:
    # Neither the line's end nor Ctrl-D does in it what it does when it is pressed.
    screen.type(f"\x1b[200~one\rtwo{CTRL_D}\r\nthree\x1b[201~")
    screen.expect("three")
    screen.type(ENTER)
    screen.expect(SENT)

    screen.expect("one\r\ntwo\ufffd\r\nthree\r\n")


def test_ctrl_j_ends_a_line_and_not_the_message(screen: Terminal) -> None:
    screen.type(f"one{CTRL_J}")
    screen.expect(MORE)
    screen.type(f"two{ENTER}")
    screen.expect(SENT)

    screen.expect("one\r\ntwo\r\n")


def test_lines_that_are_sent_at_once_are_messages_of_their_own(screen: Terminal) -> None:
    screen.type(f"one{ENTER}two{ENTER}/exit{ENTER}")

    assert screen.ended() == Exit.OK
    assert "one\r\n" in screen.shown
    assert "two\r\n" in screen.shown


def test_ctrl_c_takes_a_line_away_and_ctrl_d_ends_where_nothing_is_typed(screen: Terminal) -> None:
    screen.type("never sent")
    screen.expect("never sent")
    screen.type(CTRL_C)
    screen.expect("Ctrl-C again, or Ctrl-D, ends the chat.")
    screen.expect(PROMPT)
    screen.type(f"x{CTRL_D}{ENTER}")
    screen.expect("x\r\n")
    screen.expect(PROMPT)
    screen.type(CTRL_D)

    assert screen.ended() == Exit.OK


def test_ctrl_z_leads_to_the_shell_and_the_line_goes_on_where_it_was(served: RunningNode) -> None:
    with terminal_of(["sh", "-i"], home=served.home, term="xterm") as screen:
        screen.type(f"{sys.executable} -m app run toy{ENTER}")
        screen.expect("/help shows")
        screen.expect(PROMPT)
        screen.type("hal")
        screen.expect("hal")
        screen.type(CTRL_Z)
        screen.expect("Stopped")
        screen.type(f"fg{ENTER}")
        screen.expect("> hal")
        screen.type(f"f{ENTER}")
        screen.expect(SENT)

        screen.expect("half\r\n")


def test_the_terminal_is_left_as_it_was_found(served: RunningNode) -> None:
    with terminal("run", "toy", home=served.home) as screen:
        before = screen.modes()
        screen.expect("/help shows")
        screen.expect(PROMPT)
        assert screen.modes() != before
        screen.type(CTRL_D)
        assert screen.ended() == Exit.OK

        assert screen.modes() == before


def test_no_terminal_is_asked_where_its_cursor_is(screen: Terminal) -> None:
    # This one would not answer; the warning would come after two seconds.
    assert echoed(screen, f"hello{ENTER}") == "hello"
    screen.expect(PROMPT)
    screen.type(CTRL_D)
    screen.ended()

    assert ASKS_FOR_THE_CURSOR not in screen.shown


def test_a_terminal_that_cannot_move_its_cursor_is_sent_nothing_that_would(
    served: RunningNode,
) -> None:
    with terminal("run", "toy", home=served.home, term="dumb") as screen:
        screen.expect("/help shows")
        screen.expect("> ")
        screen.type(f"hello{ENTER}")
        screen.expect("hello\r\nhello\r\n")
        screen.expect("> ")
        screen.type(CTRL_D)

        assert screen.ended() == Exit.OK
        assert "\x1b" not in screen.shown
