"""Start the built bundle as its user would, where there is nothing else: `make smoke`.

The environment is empty: no PATH, a fresh home, no Python. Asked are the models from a cold start,
one streamed question to the demonstration model, and the dashboard by its link. Then the server is
killed with -9, and no engine may be left. Asked again are the version and the models, which are in
memory by then; a second machine joins a pool that a host of the same bundle serves, and answers for
it. What was measured is printed, and with --figures written down. No figure but that of the engine
fails, since a busy machine says nothing of the bundle.

To see engines it needs psutil, of this Python or of the bundle's environment; where neither has it,
that check is skipped and says so, which fails with --strict.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import environment
from installed import DEADLINE_SECONDS, Failed, Installed, get, port_of, streamed, until
from pool_join import join_and_ask

try:
    import psutil
except ImportError:
    psutil = None

_ROOT: Final = Path(__file__).resolve().parents[2]
_QUESTION: Final = "What is this program?"
_MODEL: Final = "athanor-starter"
_GONE_SECONDS_MAX: Final = 10.0
"""Five times what an engine is meant to take after its server was killed: a busy machine too."""

Figures = dict[str, float]


def main() -> int:
    """0 when all of it works."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=_ROOT / "dist" / "athanor")
    parser.add_argument("--figures", type=Path, help="write what was measured, as JSON")
    parser.add_argument("--strict", action="store_true", help="what is skipped has failed")
    arguments = parser.parse_args()
    if psutil is None and environment.PYTHON.exists() and not _is(environment.PYTHON):
        return subprocess.run([environment.PYTHON, __file__, *sys.argv[1:]], check=False).returncode
    if psutil is None:
        # `make bundle-test` counts what begins with this word.
        print("SKIPPED: whether an engine outlives its server needs psutil", flush=True)
        if arguments.strict:
            return 1
    bundle: Path = arguments.bundle
    program = bundle.resolve() / ("athanor.exe" if os.name == "nt" else "athanor")
    figures: Figures = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            _smoke(program, Path(folder), figures)
    except Failed as failed:
        print(f"FAILED  {failed}")
        return 1
    if arguments.figures:
        arguments.figures.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    return 0


def _is(python: Path) -> bool:
    """Whether it is the one that runs this, which would else call itself for ever."""
    return Path(sys.prefix).resolve() == python.parents[1].resolve()


def _smoke(program: Path, folder: Path, figures: Figures) -> None:
    home = folder / "home"
    home.mkdir()
    installed = Installed(program, home)
    # Before anything else of it is read.
    is_cold = _put_out_of_memory(program.parent)
    _serve_and_kill(
        installed, figures, "models_cold_seconds" if is_cold else "models_first_seconds"
    )
    _version(installed, figures)
    began = time.monotonic()
    with installed.running("serve", "--port", "0") as (server, ready):
        _models(port_of(ready), began, figures, "models_seconds")
        installed.told("stop")
        if server.wait(DEADLINE_SECONDS) != 0:
            raise Failed("the server did not stop in order")
        print("ok      a server started again, and stopped when asked")
    # In an .app the program's folder holds programs alone.
    places = (program.parent, program.parent.parent)
    model_file = next(file for place in places for file in place.rglob(f"{_MODEL}.gguf"))
    began = time.monotonic()
    text = join_and_ask(program, folder, model_file, _QUESTION)
    _check(text)
    print(f"ok      a machine joined a pool and answered for it ({time.monotonic() - began:.1f} s)")


def _version(installed: Installed, figures: Figures) -> None:
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        told = installed.told("--version")
        seconds.append(time.monotonic() - began)
    figures["version_seconds"] = round(sorted(seconds)[2], 3)
    print(
        f"ok      {told.strip()}: --version in {figures['version_seconds']:.3f} s "
        f"(median of 5, {min(seconds):.3f} at best; target 0.1)"
    )


def _put_out_of_memory(folder: Path) -> bool:
    """Whether the system could be told to read all files of the folder from the disk again.

    Linux only; what another process uses stays.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    os.sync()  # what was not written yet cannot be put out
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)
    return True


_STARTS: Final = {
    "models_cold_seconds": "a start from the disk",
    "models_first_seconds": "a first start, of which this system does not say how cold it is",
    "models_seconds": "a start from memory",
}


def _models(port: int, began: float, figures: Figures, figure: str) -> None:
    status, body = get(port, "/v1/models")
    if status != 200 or _MODEL.encode() not in body:
        raise Failed(f"/v1/models answered {status} without the demonstration model")
    figures[figure] = round(time.monotonic() - began, 2)
    print(f"ok      /v1/models {figures[figure]:.2f} s after {_STARTS[figure]} (target 1.5)")


def _serve_and_kill(installed: Installed, figures: Figures, figure: str) -> None:
    began = time.monotonic()
    with installed.running("serve", "--port", "0") as (server, ready):
        port = port_of(ready)
        _models(port, began, figures, figure)
        began = time.monotonic()
        text, chunks = streamed(port, _MODEL, _QUESTION)
        _check(text)
        figures["first_answer_seconds"] = round(time.monotonic() - began, 2)
        print(
            f"ok      {_QUESTION} {text!r} ({chunks} chunks, "
            f"{figures['first_answer_seconds']:.1f} s with loading the model)"
        )
        _page(installed)
        engines = psutil.Process(server.pid).children(recursive=True) if psutil else []
        if psutil and not engines:
            raise Failed("no engine runs after an answer")
        # Windows has no SIGKILL; there the other one ends a process as hard.
        server.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        began = time.monotonic()
        server.wait(DEADLINE_SECONDS)
        until(lambda: not any(map(lives, engines)), "an engine outlives its server")
        if engines:
            figures["engine_gone_seconds"] = round(time.monotonic() - began, 3)
            print(
                f"ok      {len(engines)} engine gone {figures['engine_gone_seconds']:.3f} s after "
                "its server was killed (target 2)"
            )
            if figures["engine_gone_seconds"] > _GONE_SECONDS_MAX:
                raise Failed(f"an engine outlives its server for more than {_GONE_SECONDS_MAX} s")


def _check(text: str) -> None:
    if "GPU" not in text:
        raise Failed(f"the answer to {_QUESTION!r} was {text!r}")


def _page(installed: Installed) -> None:
    """The dashboard as a browser opens it: by a link that lets it in once."""
    link = str(installed.asked("dashboard", "models", "--no-browser")["link"])
    browser = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
    )
    with browser.open(link, timeout=DEADLINE_SECONDS) as answer:
        # The door gives the cookie and leads on by itself, in a browser.
        leads_to = re.search(rb'<a[^>]* href="([^"]+)"', answer.read())
    if leads_to is None:
        raise Failed("the dashboard's link leads nowhere")
    page = urllib.parse.urljoin(link, leads_to[1].decode())
    with browser.open(page, timeout=DEADLINE_SECONDS) as answer:
        body = answer.read()
    if answer.status != 200 or _MODEL.encode() not in body:
        raise Failed(f"the dashboard answered {answer.status} and does not name {_MODEL}")
    print(f"ok      the dashboard lets its link in, and shows {len(body):,} bytes")


def lives(process: "psutil.Process") -> bool:
    """Whether it computes: one that nobody has collected yet has ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    sys.exit(main())
