"""The built bundle, run in an environment of its own. `BUNDLE=FOLDER` names another one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

from tests.packaging.installers.support import BUNDLE, needs_bundle

SECONDS_MAX = 600


@final
class Bundle:
    """The frozen program with one home, and what its processes are told besides."""

    def __init__(self, home: Path, **more: str) -> None:
        needs_bundle()
        self.environment = {"HOME": str(home), "PATH": "/nowhere", **more}

    def run(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [BUNDLE / "athanor", *words],
            env=self.environment,
            capture_output=True,
            check=False,
            timeout=SECONDS_MAX,
        )

    def engine(self, *words: str) -> bytes:
        done = self.run("engine", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def serving(self, *flags: str) -> Iterator[None]:
        command = [BUNDLE / "athanor", "serve", "--port", "0", "--json", *flags]
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline(), "the bundle does not serve"
            server.stdout.close()
            try:
                yield
            finally:
                server.terminate()
                assert server.wait(60) == 0
