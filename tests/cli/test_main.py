"""The command line as a whole: process choice, help, errors, exit codes."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from app import __version__
from app.cli.command import Command
from app.cli.document import cli_document, commands
from app.cli.exit_codes import MEANINGS, Exit
from app.cli.main import COMMANDS, main, root

Captured = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
ALL = dict(commands(root, click.Context(root, info_name="athanor")))
NEEDS_SERVER = (["status"], ["ps"], ["stop"], ["load", "m"], ["unload", "m"])


def _athanor(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )


def test_the_version_comes_without_any_heavy_import() -> None:
    script = (
        "import sys; sys.argv = ['athanor', '--version']\n"
        "from app.__main__ import main\n"
        "code = main()\n"
        "heavy = {'click', 'rich', 'httpx', 'msgspec', 'numpy', 'asyncio', 'litestar'}\n"
        "sys.exit(code or ' '.join(heavy & set(sys.modules)) or 0)"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"athanor {__version__}\n"


def test_ctrl_c_while_libraries_are_imported_shows_no_traceback() -> None:
    script = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'app.cli.main':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from app.__main__ import main\n"
        "sys.argv[1:] = ['ps']\n"
        "sys.exit(main())"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )

    assert (result.returncode, result.stderr) == (Exit.INTERRUPTED, "")


def test_the_command_line_does_not_import_the_server_nor_arrays(home: Path) -> None:
    script = (
        "import sys\nfrom app.cli.main import main\n"
        "main(['settings', 'path'])\n"
        "heavy = {'numpy', 'litestar', 'uvicorn', 'aiosqlite', 'llama_cpp', 'httpx'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("path", ALL)
def test_every_command_has_help_with_examples_that_can_be_parsed(path: str) -> None:
    command = ALL[path]

    assert command.help
    assert command.examples
    for what, line in command.examples:
        assert what
        # Without what the shell does around it: pipes, redirections, $(...).
        ours = re.search(r"athanor [^|<>)]*", line)
        assert ours
        _parse(shlex.split(ours[0]))


def _parse(words: list[str]) -> None:
    """Parses a command line down to its command, without running it."""
    command: click.Command = root
    context = click.Context(root, info_name="athanor")
    words = words[1:]
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
    command.make_context(command.name, words)


@pytest.mark.parametrize("path", ALL)
def test_help_is_shown_without_a_server(
    path: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")

    assert main([*path.split()[1:], "--help"]) == 0

    out = capsys.readouterr().out
    assert f"Usage: {path}" in out
    assert "Examples" in out
    assert all(line in out for _, line in ALL[path].examples)


def test_every_command_but_a_few_can_print_json() -> None:
    without = {path for path, command in ALL.items() if command.answer is None}

    assert without == {
        "athanor completion",
        "athanor settings set",
        "athanor settings unset",
        "athanor tray",
    }
    assert all(isinstance(command, Command) for command in ALL.values())


def test_the_page_is_what_the_commands_say() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")

    assert page == cli_document()


def test_the_page_tells_every_exit_code() -> None:
    page = cli_document()

    assert set(MEANINGS) == set(Exit)
    assert all(f"| {code.value} | {meaning} |" in page for code, meaning in MEANINGS.items())


@pytest.mark.parametrize("arguments", NEEDS_SERVER, ids=" ".join)
def test_what_needs_a_server_says_so_and_how_to_start_one(
    home: Path, capsys: Captured, arguments: list[str]
) -> None:
    assert main(arguments) == Exit.SERVER

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: no Athanor server is running\nStart one with `athanor serve`.\n"
    )


@pytest.mark.parametrize("arguments", NEEDS_SERVER, ids=" ".join)
def test_with_json_an_error_is_json_too(home: Path, capsys: Captured, arguments: list[str]) -> None:
    assert main([*arguments, "--json"]) == Exit.SERVER

    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out) == {
        "error": {
            "kind": "no_server",
            "message": "no Athanor server is running",
            "remedy": "Start one with `athanor serve`.",
        }
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serv"], "there is no command serv; did you mean serve?"),
        (["xyzzy"], "there is no command xyzzy\n"),
        (["--nope"], "No such option '--nope'"),
        (["load"], "Missing argument 'MODEL'"),
        (["load", "m", "--contxt", "1"], "--context"),
        (["load", "m", "--context", "many"], "allowed: a whole number from 0 to"),
        (["load", "m", "--key-type", "q9"], "allowed: one of f32, f16"),
        (["run", "m", "x", "--set", "temprature=1"], "there is no parameter temprature"),
        (["bench", "m", "--streams", "1,x"], "--streams takes numbers"),
        (["bench", "m", "--repetitions", "0"], "--repetitions"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_sentence(
    home: Path, capsys: Captured, arguments: list[str], words: str
) -> None:
    code = main(arguments)

    captured = capsys.readouterr()
    assert code == (Exit.FAILED if "--set" in arguments else Exit.USAGE)
    assert words in captured.err
    assert captured.err.startswith("error: ")


def test_a_bare_call_shows_what_there_is(capsys: Captured) -> None:
    assert main([]) == Exit.OK

    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)


def test_a_bare_group_shows_its_commands(capsys: Captured) -> None:
    assert main(["keys"]) == Exit.USAGE

    assert "revoke" in capsys.readouterr().out


def test_debug_shows_the_traceback(home: Path) -> None:
    result = _athanor("ps", ATHANOR_DEBUG="1")

    assert "Traceback" in result.stderr
    assert "NoServer" in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
@pytest.mark.parametrize("arguments", [["settings", "show"], ["settings", "show", "--json"]])
def test_what_cannot_be_printed_is_told_on_stderr(home: Path, arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "app", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "ATHANOR_HOME": str(home)},
            check=False,
        )

    assert result.returncode == Exit.FAILED
    assert result.stderr == "error: No space left on device\nMake room on its disk.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="only a POSIX shell can close one")
@pytest.mark.parametrize(
    ("words", "code"), [("settings path >&-", Exit.OK), ("run toy <&-", Exit.USAGE)]
)
def test_a_stream_that_was_closed_is_an_empty_one(home: Path, words: str, code: Exit) -> None:
    result = subprocess.run(
        ["/bin/sh", "-c", f"exec {shlex.quote(sys.executable)} -m app {words}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "ATHANOR_HOME": str(home)},
        check=False,
    )

    assert result.returncode == code
    assert "Traceback" not in result.stderr


def test_a_pipe_gets_neither_colour_nor_boxes(home: Path) -> None:
    shown = _athanor("settings", "show").stdout + _athanor("--help").stdout

    assert shown.isascii()
    assert "\x1b" not in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str, capsys: Captured) -> None:
    assert main(["completion", shell]) == 0

    assert "_ATHANOR_COMPLETE" in capsys.readouterr().out


def test_completion_offers_commands(home: Path) -> None:
    result = _athanor(_ATHANOR_COMPLETE="bash_complete", COMP_WORDS="athanor st", COMP_CWORD="1")

    assert result.stdout.split() == ["plain,stop", "plain,status"]
