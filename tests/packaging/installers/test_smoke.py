"""How the smoke of a bundle sees that an engine is gone."""

import subprocess
import sys

import psutil

from tests.packaging.installers.support import ROOT, until  # which makes packaging/bundle known

import smoke  # isort: skip


def test_an_engine_that_was_killed_is_gone_also_before_anybody_collects_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        engine = psutil.Process(process.pid)
        assert smoke.lives(engine)

        process.kill()

        until(lambda: not smoke.lives(engine), "it is seen after its end")
        assert engine.is_running(), "nobody has collected it"


def test_without_psutil_nothing_is_said_to_be_gone_and_strictly_that_fails() -> None:
    # Neither packages nor the bundle's environment: what a plain Python of a builder has.
    code = (
        "import pathlib, sys\n"
        "sys.path[:0] = ['packaging/bundle', 'packaging']\n"
        "import environment, smoke\n"
        "environment.PYTHON = pathlib.Path('/nowhere/bin/python')\n"
        "sys.argv[1:] = ['--strict']\n"
        "sys.exit(smoke.main())"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "SKIPPED: whether an engine outlives its server needs psutil"
    ]
