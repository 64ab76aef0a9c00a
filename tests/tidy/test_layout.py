"""The project is whole: all code is reached, all folders are on the map, all decisions listed."""

import re
import tomllib

from tests.tidy.floors import EVERYWHERE, HOMES
from tests.tidy.source import ROOT, modules, read, tracked_files

BLOB_BYTES_MAX = 300_000
"""The largest file a reader may be asked to clone; models and builds are made, not kept."""

LARGER = {
    # The first answer needs no download (docs/adr/0017-a-model-of-our-own.md).
    "assets/models/athanor-starter.gguf": 12_000_000,
}
"""Files that may be larger, and how large."""

INDIRECT = {"uvloop"}
"""Installed for uvicorn, which imports it itself where it is there."""

PARTS_OF_OTHERS = {"Foundation", "markupsafe", "PyObjCTools"}
"""jinja2's own strings, and what pystray brings on macOS: imported by name, installed with it."""

IMPORT_NAMES = {
    "llama-cpp-python": "llama_cpp",
    "nvidia-ml-py": "pynvml",
    "pillow": "PIL",
    "python-xlib": "Xlib",
}


def _folders_on_the_map() -> set[str]:
    """The folders of the map in ARCHITECTURE.md, whose indentation is their nesting."""
    block = re.search(r"^app/\n(?:[ ]+.*\n|\n)+", read("ARCHITECTURE.md"), re.MULTILINE)
    assert block, "ARCHITECTURE.md has no map that begins with a line `app/`"
    found, parents = {"app"}, ["app"]
    for line in block[0].splitlines()[1:]:
        if entry := re.match(r"^(?P<indent> +)(?P<name>[a-z_]+)/(?= |$)", line):
            depth = len(entry["indent"]) // 2
            parents = [*parents[:depth], entry["name"]]
            if "(planned)" not in line:
                found.add("/".join(parents))
    return found


def test_every_folder_of_the_program_is_on_the_map_and_the_map_shows_no_other() -> None:
    folders = {path.rsplit("/", 1)[0] for path in (module.path for module in modules("app"))}
    folders |= {
        path.parent.relative_to(ROOT).as_posix()
        for path in tracked_files()
        if path.relative_to(ROOT).parts[0] == "app"
    }

    assert _folders_on_the_map() == folders


def test_no_module_is_out_of_reach_of_the_start() -> None:
    by_name = {module.name: module for module in modules("app")}
    reached: set[str] = set()
    drawers = [name for name, module in by_name.items() if "__main__" in module.texts]
    waiting = ["app.__main__", *drawers]  # and what draws documents: `python -m app.settings...`
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in reached:
            reached.add(name)
            waiting.append(name.rpartition(".")[0])
            for target, _ in by_name[name].imports:
                waiting += [target, target.rpartition(".")[0]]
            waiting += by_name[name].named

    out_of_reach = {name for name, module in by_name.items() if module.tree.body} - reached

    assert not out_of_reach, "nothing leads from app/__main__.py to these: use or delete them"


def test_every_installed_library_is_used_and_every_used_one_is_installed() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["fast"]
    names = {re.split(r"[\s<>=!;\[]", line, maxsplit=1)[0] for line in declared}
    packages = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names} - INDIRECT

    imported = {found.package for module in modules("app") for found in module.imports}

    assert packages == imported & (set(HOMES) | EVERYWHERE) - {"sqlite3"} - PARTS_OF_OTHERS


def test_every_installed_library_is_in_the_notice_and_has_its_reason() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["fast"]
    names = {re.split(r"[\s<>=!;\[]", line, maxsplit=1)[0] for line in declared}
    decision = next((ROOT / "docs/adr").glob("*-dependencies.md")).read_text()

    assert not [name for name in names if f"| {name} |" not in read("NOTICE")]
    assert not [name for name in names if f"| {name} |" not in decision]


def test_every_data_file_of_the_program_is_packed_into_the_wheel() -> None:
    packed = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["package-data"]["app"]
    files = {path for path in tracked_files() if path.is_relative_to(ROOT / "app")}

    unpacked = {path for path in files if path.suffix != ".py"}
    unpacked -= {path for pattern in packed for path in (ROOT / "app").glob(pattern)}

    assert not unpacked


def test_no_large_file_is_part_of_the_project() -> None:
    large = {
        path.relative_to(ROOT).as_posix(): path.stat().st_size
        for path in tracked_files()
        if path.stat().st_size > LARGER.get(path.relative_to(ROOT).as_posix(), BLOB_BYTES_MAX)
    }

    assert not large, "make it when it is needed, or keep it elsewhere"


def test_folders_of_tests_are_packages_so_that_two_files_may_share_a_name() -> None:
    folders = {ROOT / module.path.rsplit("/", 1)[0] for module in modules("tests")}

    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]
