"""The engine process: one model, served over the pipes of its parent.

`athanor engine` is started by the server and by nobody else. With an argument it prints one thing
and exits: `--devices` (what ggml can compute on), `--backends` (its modules besides), `--drivers`
(their versions), `--trial DEVICE` (whether that GPU computes as the processor does), `--bandwidth`
(how fast RAM is read). The end of stdin means that the parent is gone: the process ends at once,
whatever it is doing, so no GPU memory outlives the server. That and SIGKILL are the only ends from
outside: signals that ask to end are the server's to answer, since its engines still have answers to
finish.
"""

import faulthandler
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from app import __version__
from app.engine.allowance import hold_memory
from app.engine.backend import Backend, LoadFailed, VocabularyOnly
from app.engine.channel import Channel
from app.engine.service import Service
from app.wire.engine import Failed, Loading, Ready, Start, ToEngine
from app.wire.stdout import take_stdout

STACK_BYTES: Final = 16 * 1024**2
"""Tokenisers of llama.cpp recurse over long words; Windows gives threads 1 MiB."""

log: Final = logging.getLogger("athanor.engine")

EXIT_OK: Final = 0
EXIT_NOT_LOADED: Final = 3
EXIT_BROKEN: Final = 4
"""The compute backend failed; the parent starts another child."""


def main(arguments: Sequence[str]) -> int:
    """Run the engine, or list devices; the exit code."""
    frames = take_stdout()
    faulthandler.enable()
    # A failed assert in ggml would start a debugger to print its stack, and take seconds to die.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    threading.stack_size(STACK_BYTES)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    if not arguments:
        _leave_signals_to_the_server()
        return _Engine(Channel(0, frames)).run()
    answer = _answer(arguments)
    if answer is None:
        print(f"engine: unknown arguments {list(arguments)}", file=sys.stderr)
        return 2
    os.write(frames, msgspec.json.encode(answer) + b"\n")
    return EXIT_OK


def _leave_signals_to_the_server() -> None:
    """Whoever ends a service or a session signals all its processes, and engines would go first.

    Each would take the answers with it for which the server has a grace.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)  # of this system
        if number is not None:
            signal.signal(number, signal.SIG_IGN)


def _answer(arguments: Sequence[str]) -> object:
    """What is printed; None for what is not understood. Each loads llama.cpp or numpy."""
    match list(arguments):
        case ["--devices"]:
            from app.engine.llama.devices import list_devices  # noqa: PLC0415

            return list_devices(with_untried=True)
        case ["--backends"]:
            from app.engine.llama.report import backend_report  # noqa: PLC0415

            return backend_report()
        case ["--drivers"]:
            from app.engine.llama.drivers import drivers  # noqa: PLC0415

            return drivers()
        case ["--trial", device]:
            from app.engine.llama.trial import try_device  # noqa: PLC0415

            return try_device(device)
        case ["--bandwidth"]:
            from app.engine.bandwidth import ram_bandwidth  # noqa: PLC0415
            from app.engine.llama.threads import cores_allowed  # noqa: PLC0415

            return ram_bandwidth(cores_allowed())
        case _:
            return None


class _Engine:
    """Reads on its own thread, loads and computes on the main one."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._service: Service | None = None
        self._start: Start | None = None
        self._has_started = threading.Event()

    def run(self) -> int:
        threading.Thread(target=self._read, name="channel-reader", daemon=True).start()
        self._has_started.wait()
        assert self._start is not None
        began = time.monotonic()
        try:
            loaded = self._load(self._start)
        except LoadFailed as failure:
            self._channel.send(
                [Failed(kind="load_failed", message=failure.message, remedy=failure.remedy)]
            )
            self._channel.close()
            return EXIT_NOT_LOADED
        self._loading("template", 0.0)
        service = Service(
            loaded, send=self._channel.send, clock=time.monotonic, chance=random.SystemRandom()
        )
        facts = msgspec.structs.replace(service.facts, load_seconds=time.monotonic() - began)
        self._service = service
        self._channel.send([Ready(facts=facts, version=__version__)])
        try:
            service.run()
        except Exception:
            log.exception("the engine cannot go on")
            return EXIT_BROKEN
        self._channel.close()
        return EXIT_OK

    def _load(self, start: Start) -> Backend | VocabularyOnly:
        """The backend that the source names, imported only now. Raises: LoadFailed."""
        if start.memory_bytes_max:
            hold_memory(start.memory_bytes_max)
        if start.source.backend == "toy":
            from app.engine import toy  # noqa: PLC0415  (tests only)

            toys = toy.load(start.source, start.plan, self._loading)
            whole = not start.is_vocabulary_only
            return toys if whole else VocabularyOnly(toys.facts, toys.vocabulary)
        if start.is_vocabulary_only:
            from app.engine.llama import vocabulary_only  # noqa: PLC0415  (loads llama.cpp)

            return vocabulary_only.load(start.source, start.plan, self._loading)
        from app.engine.llama import backend  # noqa: PLC0415  (loads llama.cpp)

        return backend.load(start.source, start.plan, self._loading)

    def _loading(self, stage: str, fraction: float) -> None:
        self._channel.send([msgspec.convert({"stage": stage, "fraction": fraction}, Loading)])

    def _read(self) -> None:
        """Hand on messages; leave the process when they end, without waiting for the model."""
        code = EXIT_OK
        try:
            self._channel.receive(self._take)
        except Exception:
            log.exception("the parent does not speak this protocol")
            code = EXIT_BROKEN
        logging.shutdown()
        os._exit(code)

    def _take(self, message: ToEngine) -> None:
        if isinstance(message, Start):
            self._start = message
            self._has_started.set()
        elif self._service is not None:
            self._service.take(message)
        else:
            log.warning("a message came before the model was ready")
