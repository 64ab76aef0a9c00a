"""Starting: a server as a child of this process, until it says that it serves.

The child is this same program under another first word, from source or frozen. It says on one
line of its stdout that it is ready, or what is wrong; nothing is waited for by looking again.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self, final

import msgspec

import app
from app.client.errors import ServerSilent, ServerTaken
from app.core.base.errors import AthanorError
from app.settings.environment import for_other_programs
from app.settings.paths import HOME_VARIABLE, spelled_out
from app.settings.program import Program
from app.wire.serving import Serving

_NEW_PROCESS_GROUP: Final = 0x200 if sys.platform == "win32" else 0
"""subprocess.CREATE_NEW_PROCESS_GROUP, which exists on Windows alone."""
_NO_WINDOW: Final = 0x08000000 if sys.platform == "win32" else 0
"""subprocess.CREATE_NO_WINDOW: a tray has no console, and its child must not open one."""


@final
class ServerProcess:
    """A server that this process started and that serves.

    It is in a session of its own, so that the Ctrl-C of our terminal does not reach it.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", serving: Serving) -> None:
        self.process = process
        self.serving = serving

    @classmethod
    def start(cls, *flags: str, is_tethered: bool) -> Self:
        """`athanor serve` with these flags; returns when it serves, however long that takes.

        Tethered, it ends with this process, however that ends; else it lives on. Raises:
        ServerSilent with what the child said instead of being ready, ServerTaken where there is
        another one.
        """
        is_frozen = bool(getattr(sys, "frozen", False))
        program = [str(Program.of_this().lasting)] if is_frozen else [sys.executable, "-m", "app"]
        tether = ["--with-parent"] if is_tethered else []
        process = subprocess.Popen(  # noqa: S603  # our own program
            [*program, "serve", "--json", *tether, *flags],
            stdin=subprocess.PIPE if is_tethered else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=_NEW_PROCESS_GROUP | _NO_WINDOW,
            # `-m` looks in the working folder first: there must be no other package named app.
            cwd=None if is_frozen else Path(app.__file__).parent.parent,
            env=_environment(os.environ, is_frozen=is_frozen),
        )
        assert process.stdout is not None
        with process.stdout:
            line = process.stdout.readline()
            try:
                serving = msgspec.json.decode(line, type=Serving)
            except msgspec.DecodeError:
                said = line + process.stdout.read()
                process.wait()
                if process.stdin is not None:
                    process.stdin.close()
                raise _failure(said) from None
        return cls(process, serving)

    def end(self, seconds_max: float) -> None:
        """End a tethered server: it has `seconds_max` to do so by itself."""
        assert self.process.stdin is not None, "only a tethered server is ended so"
        self.process.stdin.close()
        try:
            self.process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _environment(environment: Mapping[str, str], *, is_frozen: bool) -> dict[str, str]:
    """Ours, for a child with another working folder."""
    home = environment.get(HOME_VARIABLE)
    absolute = {HOME_VARIABLE: str(spelled_out(home).absolute())} if home else {}
    return {**for_other_programs(environment, is_frozen=is_frozen), **absolute}


class _ErrorDetail(msgspec.Struct, frozen=True):
    kind: str
    message: str
    remedy: str = ""


class _Error(msgspec.Struct, frozen=True):
    error: _ErrorDetail


def _failure(output: bytes) -> AthanorError:
    """What the child said instead of being ready."""
    try:
        detail = msgspec.json.decode(output, type=_Error).error
    except msgspec.DecodeError:
        return ServerSilent(
            "the server that was started ended at once", remedy="`athanor serve` shows why."
        )
    error = ServerTaken if detail.kind == ServerTaken.kind else ServerSilent
    return error(detail.message, remedy=detail.remedy)
