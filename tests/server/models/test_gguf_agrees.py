"""The header reader beside ggml's: what it accepts, the C code reads too and without a crash."""

import ctypes
import random
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.base.errors import ModelFileInvalid
from app.engine.llama import library
from app.server.models.gguf import read_file
from tests.gguf_made import GgufStore, LlamaOptions
from tests.server.models.assemble import Gguf
from tests.server.models.test_gguf import FILES

pytestmark = pytest.mark.model


class _Parameters(ctypes.Structure):
    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))


def read_by_ggml(paths: list[str]) -> None:
    """Prints for each path whether ggml reads it. Runs in a child, since C may abort."""
    library.start()
    read = library.ggml_function(
        "gguf_init_from_file", ctypes.c_void_p, ctypes.c_char_p, _Parameters
    )
    for path in paths:
        print("read" if read(path.encode(), _Parameters(True, None)) else "refused", flush=True)


def verdicts(folder: Path) -> list[str]:
    """ggml's verdict on each file of the folder, in order of names; short if it crashed."""
    script = (
        "import sys; from pathlib import Path;"
        "from tests.server.models.test_gguf_agrees import read_by_ggml;"
        "read_by_ggml(sorted(map(str, Path(sys.argv[1]).iterdir())))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return child.stdout.split()


def is_accepted(path: Path) -> bool:
    try:
        read_file(path)
    except ModelFileInvalid:
        return False
    return True


def test_files_that_are_accepted_after_damage_are_read_by_ggml(
    gguf_store: GgufStore, tmp_path: Path
) -> None:
    made = gguf_store.llama(LlamaOptions(embedding=64, heads=2, heads_kv=1, layers=1)).read_bytes()
    rng = random.Random(7)
    accepted = 0
    for index in range(1500):
        content = bytearray(made if index % 2 else Gguf().content())
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(min(len(content), 20_000))
            content[place] = rng.choice((0, 1, 2, 8, 9, 12, 255, rng.randrange(256)))
        path = tmp_path / f"{index:05}.gguf"
        path.write_bytes(content)
        if is_accepted(path):
            accepted += 1
        else:
            path.unlink()

    assert accepted > 100
    assert verdicts(tmp_path) == ["read"] * accepted


def test_files_that_ggml_refuses_are_refused(tmp_path: Path) -> None:
    ours = []
    for index, (file, _) in enumerate(FILES.values()):
        path = file.write(tmp_path / f"{index:03}.gguf")
        ours.append(is_accepted(path))

    theirs = [verdict == "read" for verdict in verdicts(tmp_path)]

    assert len(theirs) == len(ours)
    assert not any(mine and not its for mine, its in zip(ours, theirs, strict=True))
