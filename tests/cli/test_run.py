"""`athanor run` against a real node with an echoing model: in a terminal and in a pipe."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from app.cli.exit_codes import Exit
from app.client.client import Client
from app.client.discovery import read_lock
from app.client.process import wait_gone
from app.server.main.lock_file import LockFile
from app.settings.paths import Paths
from app.wire.local import NodePicture
from tests.cli.terminal import CTRL_C, CTRL_D, CTRL_J, ENTER, MORE, PROMPT, ROOT, terminal
from tests.support.node import RunningNode, put_toy, running_node

READY = "/help shows"
LONG = "word " * 400


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One node for the whole file, with a quick model and a slow one."""
    home = tmp_path_factory.mktemp("run") / "home"
    slow = put_toy(home, "slow-model", step_seconds=0.02)
    with running_node(home, "--model", str(put_toy(home)), "--model", str(slow)) as node:
        yield node


def _run(
    home: Path, *arguments: str, stdin: str | None = None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", "run", *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        cwd=ROOT,
        env={**os.environ, "ATHANOR_HOME": str(home), **variables},
        timeout=90,
        check=False,
    )


def test_in_a_pipe_the_answer_is_all_that_is_printed(served: RunningNode) -> None:
    result = _run(served.home, "toy", stdin="hi there\n")

    assert (result.stdout, result.stderr, result.returncode) == ("hi there\n", "", Exit.OK)


def test_what_is_piped_stands_below_the_prompt(served: RunningNode) -> None:
    result = _run(served.home, "toy", "Summarise:", stdin="line one\nline two\n")

    assert result.stdout == "Summarise:\n\nline one\nline two\n"


def test_a_pipe_is_utf8_whatever_the_system_writes_else(served: RunningNode) -> None:
    asked = "grün, 日本, 🎉"

    result = _run(served.home, "toy", stdin=f"\ufeff{asked}\n", PYTHONIOENCODING="cp1252")

    assert (result.stdout, result.returncode) == (f"{asked}\n", Exit.OK)


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["toy", "Summarise:"], "caf\udce9", "what stdin holds is not text in UTF-8"),
        (["toy", "caf\udce9"], None, "an argument is not text in UTF-8"),
    ],
)
def test_bytes_that_are_no_text_are_refused_in_a_sentence(
    served: RunningNode, arguments: list[str], stdin: str | None, words: str
) -> None:
    result = _run(served.home, *arguments, stdin=stdin)

    assert (result.stdout, result.returncode) == ("", Exit.USAGE)
    assert words in result.stderr and "iconv" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_single_question_does_not_wait_for_the_editor_of_lines(served: RunningNode) -> None:
    script = (
        "import sys\nfrom app.cli.main import main\n"
        "code = main(['run', 'toy', 'hello'])\n"
        "sys.exit(code or ' '.join({'prompt_toolkit', 'asyncio'} & set(sys.modules)) or 0)"
    )

    result = subprocess.run(
        [sys.executable, "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "ATHANOR_HOME": str(served.home)},
        check=False,
    )

    assert (result.stdout, result.stderr, result.returncode) == ("hello\n", "", Exit.OK)


def test_json_holds_the_answer_with_usage_and_timings(served: RunningNode) -> None:
    result = _run(served.home, "toy", "hello", "--json")

    answer = json.loads(result.stdout)
    assert (answer["content"], answer["finish_reason"]) == ("hello", "stop")
    assert answer["usage"]["completion_tokens"] > 0
    assert answer["timings"]["predicted_n"] > 0


def test_parameters_of_the_api_reach_the_server(served: RunningNode) -> None:
    result = _run(served.home, "toy", "hello", "--set", "max_tokens=2", "--json")

    assert json.loads(result.stdout)["finish_reason"] == "length"


def test_an_unknown_model_is_named_with_the_nearest(served: RunningNode) -> None:
    result = _run(served.home, "slow-modl", "x")

    assert result.returncode == Exit.NOT_FOUND
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert "Did you mean 'slow-model'?" in result.stderr


def test_without_any_prompt_it_says_so(served: RunningNode) -> None:
    result = _run(served.home, "toy", stdin="")

    assert result.returncode == Exit.USAGE
    assert "there is no prompt" in result.stderr


def test_a_chat_shows_the_answer_and_ends_with_ctrl_d(served: RunningNode) -> None:
    with terminal("run", "toy", home=served.home) as screen:
        screen.expect(READY)
        screen.expect(PROMPT)
        screen.type(f'"""one{ENTER}')
        screen.expect(MORE)
        screen.type(f'two"""{ENTER}')

        # Typed, the lines have a prompt between them; only the answer has them so.
        screen.expect("one\r\ntwo\r\n")
        screen.expect(PROMPT)
        screen.type(CTRL_D)

        assert screen.ended() == Exit.OK


def test_ctrl_j_and_a_backslash_put_a_line_into_the_message(served: RunningNode) -> None:
    with terminal("run", "toy", home=served.home) as screen:
        screen.expect(READY)
        screen.expect(PROMPT)
        screen.type(f"alpha{CTRL_J}beta\\{ENTER}")
        screen.expect(MORE)
        screen.type(f"gamma{ENTER}")

        screen.expect("alpha\r\nbeta\r\ngamma\r\n")


def test_ctrl_c_stops_the_answer_and_not_the_chat(served: RunningNode) -> None:
    with terminal("run", "slow-model", home=served.home) as screen:
        screen.expect(READY)
        screen.expect(PROMPT)
        screen.type(f'"""begin{ENTER}')
        screen.expect(MORE)
        screen.type(f'{LONG}"""{ENTER}')
        # Typed, there is a prompt between the lines; only the answer has them so.
        screen.expect("begin\r\nword word")
        screen.type(CTRL_C)
        screen.expect("Stopped.")
        screen.expect(PROMPT)
        screen.type(f"/system Be brief.{ENTER}")

        screen.expect("The system prompt is set.")
        assert screen.process.poll() is None


def test_a_message_typed_while_an_answer_is_shown_is_sent_after_it(served: RunningNode) -> None:
    with terminal("run", "slow-model", home=served.home) as screen:
        screen.expect(READY)
        screen.expect(PROMPT)
        screen.type(f'"""one{ENTER}')
        screen.expect(MORE)
        screen.type(f'and a long answer to it"""{ENTER}')
        screen.expect("one\r\nand")
        screen.type(f"/exit{ENTER}")

        assert screen.ended() == Exit.OK


def test_ctrl_c_at_the_prompt_warns_and_another_ends_the_chat(served: RunningNode) -> None:
    with terminal("run", "toy", home=served.home) as screen:
        screen.expect(READY)
        screen.expect(PROMPT)

        assert screen.press_until_ended(CTRL_C) == Exit.OK
        assert "Ctrl-C again, or Ctrl-D, ends the chat." in screen.shown


def test_a_wrong_slash_command_does_not_end_the_chat(served: RunningNode) -> None:
    with terminal("run", "toy", home=served.home) as screen:
        screen.expect(READY)
        screen.expect(PROMPT)
        screen.type(f"/hlep{ENTER}")
        screen.expect("there is no command /hlep")
        screen.type(f"/set top_p 7{ENTER}")
        screen.expect("top_p cannot be 7")
        screen.type(f"/stats{ENTER}")
        screen.expect("There is no whole answer yet.")
        screen.type(f"/exit{ENTER}")

        assert screen.ended() == Exit.OK


def test_the_conversation_goes_on_and_stats_tell_of_the_last_answer(served: RunningNode) -> None:
    with terminal("run", "toy", home=served.home) as screen:
        screen.expect(READY)
        screen.type(f"first{ENTER}")
        screen.expect("first\r\n")
        screen.expect(PROMPT)
        screen.type(f"second{ENTER}")
        screen.expect("second\r\n")
        screen.expect(PROMPT)
        screen.type(f"/stats{ENTER}")

        told = screen.expect("of context") and screen.shown
        prompt_tokens = re.search(r"prompt (\d+) tokens", told)
        assert prompt_tokens and int(prompt_tokens[1]) > len("first" * 2 + "second")


def test_without_a_server_one_runs_for_the_time_of_the_command(home: Path) -> None:
    toy = put_toy(home)
    (home / "config.toml").write_text(f"[server]\nport = 0\n[models]\nfolders = ['{toy}']\n")

    result = _run(home, "toy", "hello")

    assert result.stdout == "hello\n"
    assert "started for the time of this command" in result.stderr
    lock = read_lock(Paths.under(home).lock_file)
    assert lock is None or wait_gone(lock.pid, 20)


def test_a_command_that_finds_a_server_at_its_beginning_or_end_waits_for_it(home: Path) -> None:
    toy = put_toy(home)
    (home / "config.toml").write_text(f"[server]\nport = 0\n[models]\nfolders = ['{toy}']\n")
    paths = Paths.under(home)
    paths.ensure()
    held = LockFile.take(paths.lock_file)

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(_run, home, "toy", "hello")
        ended, _ = wait([answer], timeout=3)
        held.close()
        result = answer.result()

    assert not ended
    assert (result.stdout, result.returncode) == ("hello\n", Exit.OK)


def test_the_server_of_a_chat_ends_after_what_another_command_asked_it(home: Path) -> None:
    toy = put_toy(home, step_seconds=0.01)
    server = "[server]\nport = 0\nstop_grace_seconds = 0\n"
    (home / "config.toml").write_text(f"{server}[models]\nfolders = ['{toy}']\n")

    question = "word " * 60

    with terminal("run", "toy", home=home) as screen, ThreadPoolExecutor(1) as pool:
        screen.expect(READY)
        answer = pool.submit(_run, home, "toy", question)
        with Client.find(Paths.under(home)) as client:
            next(event for event in client.events() if _is_answering(event.picture))
        screen.type(CTRL_D)

        assert answer.result().stdout == f"{question}\n"
        assert screen.ended() == Exit.OK


def _is_answering(picture: NodePicture) -> bool:
    return any(engine.running for engine in picture.engines)


def test_a_server_that_cannot_start_for_a_command_says_why(home: Path) -> None:
    (home / "config.toml").write_text("[server]\nport = -1\n")

    result = _run(home, "toy", "hello")

    assert result.returncode != Exit.OK
    assert "line 2: server.port is -1" in result.stderr


def test_the_server_of_a_chat_does_not_outlive_a_killed_chat(home: Path) -> None:
    toy = put_toy(home)
    (home / "config.toml").write_text(f"[models]\nfolders = ['{toy}']\n")

    with terminal("run", "toy", home=home) as screen:
        screen.expect(READY)
        lock = read_lock(Paths.under(home).lock_file)
        assert lock is not None
        screen.process.kill()

        assert wait_gone(lock.pid, 30)
