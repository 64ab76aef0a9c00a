"""A publisher of packs for tests: its scripts make and sign them, a local server gives them out."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import final

from tests.tidy.source import ROOT

_KEYS = ROOT / "packaging" / "release" / "keys.py"
_PACK = ROOT / "packaging" / "runtime" / "pack.py"


@final
class PacksPublisher:
    """Its folder, and the assets of a program that believes it."""

    def __init__(self, folder: Path, origin: str) -> None:
        self.packs = folder / "packs"
        self.assets = folder / "assets"
        self.address = f"{origin}/runtime-packs.json"
        self._private = folder / "private"
        shutil.copytree(ROOT / "assets", self.assets, ignore=shutil.ignore_patterns("*.gguf"))
        _run(_KEYS, "--file", self._known, "make", "test-a", self._private)

    @property
    def _known(self) -> Path:
        return self.assets / "release-keys.toml"

    def publish(self, module: Path, name: str, *, build: str, backend: str = "vulkan") -> None:
        """A pack of this module is in the signed list."""
        _run(
            *(_PACK, "make", name, "1.0", "--backend", backend, "--title", f"The pack {name}"),
            *("--build", build, "--module", module, self.packs),
        )
        key = f"test-a={self._private}"
        _run(_PACK, "sign", "--key", key, "--keys-file", self._known, self.packs)


@contextmanager
def publishing(folder: Path) -> Iterator[PacksPublisher]:
    """A publisher whose packs can be had as long as the block."""
    (folder / "packs").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder / "packs"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield PacksPublisher(folder, f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()


def _run(*words: str | Path) -> None:
    subprocess.run([sys.executable, *words], check=True)
