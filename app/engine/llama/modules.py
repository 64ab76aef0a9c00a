"""Modules: back ends of ggml that lie in files beside the library (a build with GGML_BACKEND_DL).

Nothing loads them but this: llama-cpp-python never does, and ggml's own search looks beside the
executable, which is wrong in a frozen program, and in the current folder, where anybody may have
put a library. So each is named by its whole path, in the order of preference, through the libggml
that libllama uses.

Of the processor there are many variants, one for each generation of instructions; each tells its
score on this machine, 0 where it would crash, and the best is taken. A module that does not load,
say Vulkan's where there is no libvulkan, is left out with its reason, and the next is tried.
"""

import _ctypes
import ctypes
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from app.core.runtime.backends import backend_of, in_order, module_name
from app.core.runtime.record import FileSeen, ModulePlan, PackFolder, is_off
from app.engine.llama import library
from app.wire.runtime import PLAN_VARIABLE, ModuleSeen

log = logging.getLogger("llama")


class _Loaded:
    plan = ModulePlan()
    seen: tuple[ModuleSeen, ...] = ()
    packs: Final[dict[str, str]] = {}
    """The pack that each registered back end came from; "" is inside."""


def plan() -> ModulePlan:
    """The plan that this process goes by."""
    return _Loaded.plan


def seen() -> tuple[ModuleSeen, ...]:
    """Every module that was tried, in that order; empty where back ends are linked in."""
    return _Loaded.seen


def is_modular() -> bool:
    """Whether the back ends of this process are modules."""
    return bool(_Loaded.packs)


def pack_of(registered: str) -> str | None:
    """The pack of a back end by ggml's name for it: "" inside, None where it is linked in."""
    return _Loaded.packs.get(backend_of(registered))


def load(folders: Sequence[Path], build: str) -> None:
    """Loads what the plan says of the modules in `folders` and of its packs. Main thread, once."""
    _Loaded.plan = _read_plan()
    tried: list[ModuleSeen] = []
    inside = _modules_in(folders)
    backends = in_order({*inside, *(pack.backend for pack in _Loaded.plan.packs)})
    for backend in backends:
        if is_off(_Loaded.plan, backend):
            here = inside.get(backend, ())[:1]
            tried += [_left(backend, path, "it was not chosen") for path in here]
            continue
        packs = [pack for pack in _Loaded.plan.packs if pack.backend == backend]
        _load_first(backend, packs, inside.get(backend, ()), build, tried)
    _Loaded.seen = tuple(tried)


def _read_plan() -> ModulePlan:
    path = os.environ.get(PLAN_VARIABLE, "")
    if not path:
        return ModulePlan()
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=ModulePlan)
    except FileNotFoundError:
        return ModulePlan()
    except (OSError, msgspec.DecodeError) as error:
        # A GPU that was pinned off since it crashes must stay off: only the processor is sure.
        log.error("the plan of modules cannot be read: %s", error)
        return ModulePlan(only_proved=True)


def _modules_in(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of each back end, by name; of a back end in two folders those of the first."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        here: dict[str, list[Path]] = {}
        for path in sorted(folder.iterdir()):
            name = module_name(path.name)
            if name is not None:
                here.setdefault(name.backend, []).append(path)
        for backend, paths in here.items():
            found.setdefault(backend, paths)
    return found


def _load_first(
    backend: str,
    packs: Sequence[PackFolder],
    inside: Sequence[Path],
    build: str,
    tried: list[ModuleSeen],
) -> None:
    """Loads the first that can be: a pack's module, else the one inside."""
    for pack in packs:
        attempt = _load_pack(pack, build)
        tried.append(attempt)
        if attempt.is_loaded:
            _Loaded.packs[backend] = pack.pack
            tried += [_left(backend, path, "a pack is used instead") for path in inside[:1]]
            return
    for path in _best_first(inside):
        attempt = _load_module(backend, path, "")
        tried.append(attempt)
        if attempt.is_loaded:
            _Loaded.packs[backend] = ""
            return


def _load_pack(pack: PackFolder, build: str) -> ModuleSeen:
    """Opens what the plan names of the pack, as long as it is what the server has compared."""
    folder, files = Path(pack.folder), {file.name: file for file in pack.files}
    paths = [
        folder / name
        for name in files
        if (found := module_name(name)) is not None and found.backend == pack.backend
    ]
    changed = next((file.name for file in pack.files if not _is_as_seen(folder, file)), "")
    if not paths:
        return _not_loaded(pack, folder, "its module is missing")
    if pack.build != build:
        return _not_loaded(pack, folder, f"it is made for llama.cpp {pack.build}")
    if changed:
        return _not_loaded(pack, folder / changed, "the file was changed since it was compared")
    for name in pack.preload:
        if name not in files:
            return _not_loaded(pack, folder / name, "it is none of the pack's files")
        # Afterwards the module finds them by their names, in whatever folder it lies.
        try:
            ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            return _not_loaded(pack, folder / name, str(error))
    return _load_module(pack.backend, _best_first(paths)[0], pack.pack)


def _is_as_seen(folder: Path, file: FileSeen) -> bool:
    try:
        told = (folder / file.name).stat()
    except OSError:
        return False
    return (told.st_size, told.st_mtime_ns) == (file.size_bytes, file.modified_ns)


def _not_loaded(pack: PackFolder, path: Path, reason: str) -> ModuleSeen:
    return ModuleSeen(
        backend=pack.backend, path=str(path), pack=pack.pack, is_loaded=False, reason=reason
    )


def _load_module(backend: str, path: Path, pack: str) -> ModuleSeen:
    mark = library.tail.mark
    load_one = library.ggml_function("ggml_backend_load", ctypes.c_void_p, ctypes.c_char_p)
    is_loaded = bool(load_one(os.fsencode(path)))
    reason = ""
    if not is_loaded:
        lines = library.tail.since(mark)
        reason = lines[-1].rpartition(f"{path}: ")[2] if lines else "ggml did not take it"
        log.info("module not loaded: %s", reason)
    return ModuleSeen(
        backend=backend, path=str(path), pack=pack, is_loaded=is_loaded, reason=reason
    )


def _left(backend: str, path: Path, reason: str) -> ModuleSeen:
    return ModuleSeen(backend=backend, path=str(path), pack="", is_loaded=False, reason=reason)


def _best_first(paths: Sequence[Path]) -> list[Path]:
    """The variants that run here, best first; a lone module is taken as it is."""
    if len(paths) < 2:
        return list(paths)
    scores = {path: score_of(path) for path in paths}
    return sorted((path for path in paths if scores[path]), key=lambda path: -scores[path])


def score_of(path: Path) -> int:
    """What a variant says of itself on this machine; 0 where it cannot run, or not be asked."""
    try:
        module = ctypes.CDLL(str(path))
    except OSError:
        return 0
    try:
        return int(module.ggml_backend_score())
    except AttributeError:
        return 0
    finally:
        # Thirteen of fourteen are not used; a process that stays has no need of them.
        if sys.platform == "win32":
            _ctypes.FreeLibrary(module._handle)
        else:
            _ctypes.dlclose(module._handle)
