"""A program that answers `--devices`, `--backends`, `--drivers` and `--trial` as an engine does.

    {"vulkan0": "good" | "wrong" | "crash" | "hang", "cuda0": ..., "at_load": "cuda",
     "hangs_at_load": "cuda", "gpus": "none" | "vulkan", "driver": "580.65"}

is its file. It loads no llama.cpp: what is tried here is what the server makes of the answers. The
plan says which modules there are, as in an engine.
"""

import json
import os
import sys
import threading
from pathlib import Path

import msgspec

from app.core.runtime.record import ModulePlan, Pair, is_off

BUILD = "0.3.36-ggml0.25.3"
CARD = "Some GPU"


def main(script: dict[str, str], words: list[str]) -> None:
    """Print the answer, or end as the script says."""
    if words == ["--drivers"]:
        drivers = [script["driver"]] if "driver" in script else []
        print(json.dumps({"cuda": drivers, "vulkan": drivers}))
        return
    loaded = [module["backend"] for module in modules(plan()) if module["is_loaded"]]
    if script.get("at_load") in loaded:
        os.abort()
    if script.get("hangs_at_load") in loaded:
        threading.Event().wait()
    match words:
        case ["--devices"]:
            print(json.dumps(devices(plan(), script)))
        case ["--backends"]:
            told = {"version": "v", "build": BUILD, "is_modular": True}
            print(
                json.dumps({**told, "modules": modules(plan()), "devices": devices(plan(), script)})
            )
        case ["--trial", device]:
            _try(device, script[device])


def plan() -> ModulePlan:
    path = Path(os.environ["ATHANOR_MODULES"])
    return (
        msgspec.json.decode(path.read_bytes(), type=ModulePlan) if path.exists() else ModulePlan()
    )


def modules(plan: ModulePlan) -> list[dict[str, object]]:
    found = [(pack.backend, pack.pack, Path(pack.folder).is_dir()) for pack in plan.packs]
    found.append(("vulkan", "", not is_off(plan, "vulkan")))
    return [
        {"backend": backend, "path": "/m", "pack": pack, "is_loaded": is_loaded,
         "reason": "" if is_loaded else "its module is missing"}
        for backend, pack, is_loaded in [*found, ("cpu", "", True)]
    ]  # fmt: skip


def devices(plan: ModulePlan, script: dict[str, str]) -> list[dict[str, object]]:
    """The card once, under the first back end that lists it, and the processor."""
    memory = {"memory_free": 1, "memory_total": 2}
    found: list[dict[str, object]] = []
    for module in modules(plan):
        backend, pack = str(module["backend"]), str(module["pack"])
        driver = script.get("driver", "")
        pair = Pair(device=CARD, backend=backend, pack=pack, build=BUILD, driver=driver)
        if script.get("gpus", backend) != backend:
            continue
        if backend != "cpu" and module["is_loaded"] and pair not in plan.avoided and not found:
            found.append({"name": f"{backend}0", "description": CARD, "kind": "gpu",
                          "pair": msgspec.to_builtins(pair), **memory})  # fmt: skip
    return [*found, {"name": "CPU", "description": "CPU", "kind": "cpu", **memory}]


def _try(device: str, how: str) -> None:
    if how == "crash":
        os.abort()
    if how == "hang":
        threading.Event().wait()
    is_good = how == "good"
    reason = "" if is_good else "it computes other answers"
    print(json.dumps({"device": device, "is_good": is_good, "reason": reason, "seconds": 0.5}))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:])
