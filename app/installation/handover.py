"""The handover process: sees a new version to its first answer, or puts the old one back (Linux).

`athanor handover ARGUMENTS` is what an ended server becomes, in the same process, so that whoever
supervises it sees no end. It runs the files of the old version: turns the link to the new one,
starts that with the server's own arguments, and waits until it serves. One that ends before,
twice, or is silent for too long, once, is left for the version before, which starts again in this
process. After a good start it stays as the new server's parent, hands signals on, and ends as that
ends. However it ends itself, the new server ends in order too: its stdin is our pipe, which it
watches (`--with-parent`).
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn, final

from app.core.base.errors import AthanorError
from app.core.release.trial import STARTS_MAX, Trial, gone_back
from app.installation.archive import ArchivePlace
from app.installation.memory_file import MemoryFile
from app.installation.place import place_of
from app.installation.readiness import DESCRIPTOR_VARIABLE, Readiness, wait_ready
from app.observe.logging import set_up
from app.settings.environment import for_other_programs
from app.settings.paths import Paths
from app.settings.program import Program

READY_SECONDS_MAX: Final = 180.0
"""A first start on a slow disk; a server that serves later than this is of no use to its owner."""
END_SECONDS_MAX: Final = 20.0

_IS_READ: Final = "--json"
"""Whoever started the server with this has read its one line."""
_WITH_PARENT: Final = "--with-parent"
"""The server's flag to end when its stdin does; versions to come must know it as well."""

log = logging.getLogger("athanor.handover")


def main(
    arguments: Sequence[str],
    *,
    ready_seconds_max: float = READY_SECONDS_MAX,
    end_seconds_max: float = END_SECONDS_MAX,
) -> int:
    """Carry the handover out that is remembered; the exit status of the server then."""
    paths, program = Paths.find(), Program.of_this()
    paths.ensure()
    set_up("info", paths.logs / "update.log")
    place, memory = place_of(program), MemoryFile(paths.updates_file)
    trial = memory.read().trial
    if not isinstance(place, ArchivePlace):
        print("handover: this copy is not installed from an archive", file=sys.stderr)
        return 2
    try:
        if trial is not None and not trial.is_proven:
            if _WITH_PARENT in arguments:
                threading.Thread(target=_end_with_stdin, daemon=True).start()
            handover = _Handover(
                place,
                memory,
                program=place.link / program.file.name,
                arguments=arguments,
                ready_seconds_max=ready_seconds_max,
                end_seconds_max=end_seconds_max,
            )
            return handover.carry_out(trial)
        _become(place.link / program.file.name, arguments)
    except (AthanorError, OSError) as error:
        log.exception("the handover failed")
        print(f"error: {error}", file=sys.stderr)
        return 1


@final
class _Handover:
    """One handover, and the signals that come meanwhile."""

    def __init__(
        self,
        place: ArchivePlace,
        memory: MemoryFile,
        *,
        program: Path,
        arguments: Sequence[str],
        ready_seconds_max: float,
        end_seconds_max: float,
    ) -> None:
        self._place = place
        self._memory = memory
        self._program = program
        self._arguments = arguments
        self._ready_seconds_max = ready_seconds_max
        self._end_seconds_max = end_seconds_max
        self._child: subprocess.Popen[bytes] | None = None
        self._is_ended = False
        self._serves = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hand_on)
        # Under nohup this process is deaf to the terminal's end, and its child after it.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._hand_on)

    def carry_out(self, trial: Trial) -> int:
        """The exit status of the server that served; else the old version goes on, here."""
        self._place.switch_to(trial.version)
        for attempt in range(1, STARTS_MAX + 1):
            log.info("starting", extra={"version": trial.version, "attempt": attempt})
            readiness = self._start()
            if readiness == "ready":
                self._serves = True
                log.info("it serves", extra={"version": trial.version})
                self._place.delete_but(trial.version, trial.previous)
                return self._wait()
            status = self._end()
            log.warning(
                "it never served",
                extra={"version": trial.version, "status": status, "outcome": readiness},
            )
            if self._is_ended:
                return status
            if readiness == "silent":
                # Its owner has waited long enough, and it would be silent again.
                break
        self._place.switch_to(trial.previous)
        self._memory.change(gone_back)
        log.warning("the version before goes on", extra={"version": trial.previous})
        _become(self._program, self._arguments)

    def _start(self) -> Readiness:
        """What became of a start of the new version."""
        reader, writer = os.pipe()
        try:
            try:
                is_read = _IS_READ in self._arguments
                is_with_parent = _WITH_PARENT in self._arguments
                tether = () if is_with_parent else (_WITH_PARENT,)
                self._child = subprocess.Popen(  # noqa: S603  # what the publisher signed
                    [self._program, *self._arguments, *tether],
                    env=_environment(writer),
                    pass_fds=(writer,),
                    # Never written to: it ends with this process.
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL if is_read else None,
                    start_new_session=True,
                )
            finally:
                os.close(writer)
            return wait_ready(reader, seconds_max=self._ready_seconds_max)
        finally:
            os.close(reader)

    def _wait(self) -> int:
        assert self._child is not None
        code = self._child.wait()
        return code if code >= 0 else 128 - code

    def _end(self) -> int:
        """The status of a server that did not become ready, after it has ended."""
        assert self._child is not None
        try:
            # It may still be ending by itself, or be stuck.
            self._child.terminate()
            self._child.wait(self._end_seconds_max)
        except subprocess.TimeoutExpired:
            self._child.kill()
        return self._wait()

    def _hand_on(self, number: int, _: FrameType | None) -> None:
        is_first, self._is_ended = not self._is_ended, True
        if self._child is None:
            return
        self._child.send_signal(number)
        if is_first and not self._serves:
            # One that hangs does not hear it, and whoever told us to end waits for us.
            last = threading.Timer(self._end_seconds_max, self._child.kill)
            last.daemon = True
            last.start()


def _end_with_stdin() -> None:
    """Whoever tethered the server to itself is gone: ended as by a signal, which is handed on."""
    while os.read(0, 4096):
        pass
    main_thread = threading.main_thread().ident
    assert main_thread is not None, "it has begun"
    # Another thread's signal would not wake the main one, which waits for the server.
    signal.pthread_kill(main_thread, signal.SIGTERM)


def _environment(descriptor: int) -> dict[str, str]:
    is_frozen = bool(getattr(sys, "frozen", False))
    clean = for_other_programs(os.environ, is_frozen=is_frozen)
    return {**clean, DESCRIPTOR_VARIABLE: str(descriptor)}


def _become(program: Path, arguments: Sequence[str]) -> NoReturn:
    """This process goes on as that program."""
    logging.shutdown()
    if _IS_READ in arguments:
        # Its line was read once already, and the pipe may be closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    is_frozen = bool(getattr(sys, "frozen", False))
    environment = for_other_programs(os.environ, is_frozen=is_frozen)
    os.execve(program, [str(program), *arguments], environment)  # noqa: S606  # our own program
