"""An engine opens of a pack what its plan names, as long as that is what the server compared."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from app.core.runtime.record import FileSeen, ModulePlan, PackFolder
from app.wire.runtime import PLAN_VARIABLE
from tests.tidy.source import ROOT

pytestmark = pytest.mark.model

NAMES = ("libggml-cuda.so", "libneeded.so.1")
CHILD = (
    "import json\n"
    "from app.engine.llama import library, modules\n"
    "modules.load([], 'b1')\n"
    "print(json.dumps([module.reason for module in modules.seen()]))\n"
)
"""Opens the packs of its plan, as an engine whose back ends are modules does at its start."""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A folder with a module and a library that each leave a file behind when they are opened."""
    if shutil.which("cc") is None or sys.platform == "win32":
        pytest.skip("needs a C compiler")
    folder = tmp_path / "pack"
    folder.mkdir()
    for name in NAMES:
        source = tmp_path / "opened.c"
        source.write_text(
            "#include <stdio.h>\n"
            "__attribute__((constructor)) static void opened(void) {\n"
            f'    fclose(fopen("{tmp_path / name}.opened", "w"));\n'
            "}\n"
            "void *ggml_backend_init(void) { return 0; }\n"
        )
        subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / name, source], check=True)
    return folder


def _reasons(pack: Path, spoil: Callable[[Path], object], *, named: tuple[str, ...]) -> list[str]:
    """What an engine says of the modules of the pack, spoiled after the plan was written."""
    files = tuple(
        FileSeen(name=name, size_bytes=told.st_size, modified_ns=told.st_mtime_ns)
        for name in named
        for told in [(pack / name).stat()]
    )
    plan = pack.parent / "plan.json"
    folder = PackFolder(
        pack="cuda-1", folder=str(pack), backend="cuda", build="b1", preload=NAMES[1:], files=files
    )
    plan.write_bytes(msgspec.json.encode(ModulePlan(packs=(folder,))))
    spoil(pack)
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        env={**os.environ, PLAN_VARIABLE: str(plan)},
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def _opened(pack: Path) -> set[str]:
    return {name for name in NAMES if (pack.parent / f"{name}.opened").exists()}


def test_what_the_plan_names_is_opened(pack: Path) -> None:
    reasons = _reasons(pack, lambda _: None, named=NAMES)

    assert len(reasons) == 1 and "changed" not in reasons[0]
    assert _opened(pack) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: os.utime(path, ns=(1, 1)),
        lambda path: path.write_bytes(b"cut"),
        lambda path: path.unlink(),
    ],
    ids=["of another time", "cut", "gone"],
)
def test_of_a_pack_with_a_file_that_was_changed_nothing_is_opened(
    pack: Path, name: str, spoil: Callable[[Path], object]
) -> None:
    reasons = _reasons(pack, lambda folder: spoil(folder / name), named=NAMES)

    assert reasons == ["the file was changed since it was compared"]
    assert _opened(pack) == set()


@pytest.mark.parametrize(
    ("named", "reason"),
    [((), "its module is missing"), (NAMES[:1], "it is none of the pack's files")],
)
def test_a_file_that_the_plan_does_not_name_is_not_opened(
    pack: Path, named: tuple[str, ...], reason: str
) -> None:
    assert _reasons(pack, lambda _: None, named=named) == [reason]
    assert _opened(pack) == set()
