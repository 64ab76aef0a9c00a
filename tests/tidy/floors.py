"""The floors: which part of app/ may import which, and where each library lives.

The tables are the rule; `breaches_of_*` read a module against them.
"""

import sys
from collections.abc import Iterator

from tests.tidy.source import Finding, Module

FLOORS: tuple[tuple[str, ...], ...] = (
    ("app.core",),
    ("app.wire",),
    ("app.core.pool",),
    ("app.settings",),
    ("app.observe", "app.client"),
    (
        "app.engine",
        "app.download",
        "app.installation",
        "app.tray",
        "app.server.identity",
        "app.server.storage",
        "app.server.hardware",
        "app.server.models",
    ),
    ("app.server.engine_child",),
    ("app.server.node", "app.server.host"),
    ("app.server.web",),
    ("app.server.main",),
    ("app.cli",),
    ("app.__main__",),
)
"""From the ground up. A part imports lower floors and itself; parts of one floor are apart.

A module belongs to the longest part that its name begins with: the pool's protocol is as pure as
the rest of core, and decides about frames of the wire, so it stands above them.
"""

APART = {
    ("app.server", "app.engine"): "the server never loads llama.cpp: a crash in C must not reach "
    "it, and it must hold no VRAM; they meet only on the wire",
    ("app.cli", "app.engine"): "the command line answers at once and asks the server instead of "
    "loading a model beside it",
    ("app.server", "app.download"): "the server calls no other machine; they meet on the wire",
    ("app.cli", "app.download"): "a download belongs to the server, which every face can see",
    ("app.cli", "app.server.node"): "every face asks the one running server over its local API; "
    "a second way in would show another truth",
    ("app.tray", "app.server"): "the tray is another process and only reads",
}

HOMES: dict[str, tuple[tuple[str, ...], str]] = {
    "aiosqlite": (("app.server.storage",), "one folder knows SQL"),
    "sqlite3": (("app.server.storage",), "one folder knows SQL"),
    "Foundation": (("app.tray.panel",), "macOS' own events, where its icon is"),
    "PIL": (("app.tray",), "pystray wants its images; the engine reads pictures by other means"),
    "PyObjCTools": (("app.tray.panel",), "macOS' main thread, where its icon is"),
    "Xlib": (("app.tray",), "what a desktop of X11 has and a server has not"),
    "click": (("app.cli",), "the terminal is one face of several"),
    "rich": (("app.cli",), "the terminal is one face of several"),
    "rich_click": (("app.cli",), "the terminal is one face of several"),
    "cryptography": (("app.server.identity",), "keys are made, used and kept in one place"),
    "dbus_fast": (("app.tray.bus",), "one face speaks to the session bus"),
    "httptools": (("app.server.web",), "uvicorn's parser, where uvicorn is made to read on"),
    "httpx": (("app.client", "app.download"), "one way to call the server, one to call others"),
    "huggingface_hub": (("app.download",), "one process calls other machines for models"),
    "jinja2": (
        ("app.engine.chat", "app.server.web.dashboard"),
        "templates of strangers run in one sandbox; our own pages are drawn in one place",
    ),
    "litestar": (("app.server.web",), "the node can be used and tested without HTTP"),
    "llama_cpp": (("app.engine.llama",), "C is called, and its types appear, in one place"),
    "llguidance": (("app.engine",), "output is held to a form where tokens are chosen"),
    "markupsafe": (
        ("app.engine.chat", "app.server.web.dashboard"),
        "jinja2's own strings, where jinja2 is",
    ),
    "numpy": (("app.engine",), "arrays are the engine's; importing them costs 100 ms and 16 MB"),
    "platformdirs": (("app.settings",), "one place says where files are"),
    "prometheus_client": (("app.observe",), "one place names the meters"),
    "prompt_toolkit": (("app.cli.chat",), "one face reads lines that are edited, and waits for it"),
    "psutil": (("app.server.hardware",), "one place asks the operating system"),
    "pynvml": (("app.server.hardware",), "one place asks the driver"),
    "pystray": (("app.tray.panel",), "its traps are known in one place"),
    "segno": (
        ("app.cli", "app.server.web.dashboard"),
        "a picture of an invite is drawn by the two faces that show one",
    ),
    "uvicorn": (("app.server.main", "app.server.web"), "the web server is started once"),
    "wakepy": (("app.server.hardware.awake",), "one place keeps the system awake"),
    "websockets": (("app.server.node.pool",), "a node opens one connection to another machine"),
}
"""Library -> its home and the reason. Whoever swaps a library edits one folder."""

EVERYWHERE = {"msgspec"}

CORE_MAY_IMPORT = {
    "__future__", "abc", "array", "base64", "bisect", "collections", "copy", "dataclasses",
    "difflib", "enum", "fnmatch", "fractions", "functools", "hashlib", "heapq", "hmac", "itertools",
    "json", "math", "operator", "re", "string", "struct", "textwrap", "types", "typing", "msgspec",
    "app",
}  # fmt: skip
"""What cannot read a file, a clock, a socket, the environment or chance. An addition must not."""


def floor_of(name: str) -> tuple[int, str] | None:
    """Height and part of a dotted name; None for `app` itself and packages between the parts."""
    found = [
        (height, part)
        for height, parts in enumerate(FLOORS)
        for part in parts
        if name == part or name.startswith(f"{part}.")
    ]
    return max(found, key=lambda one: len(one[1]), default=None)


def breaches_of_floors(module: Module) -> Iterator[Finding]:
    """Imports that go up, or across to another part of the same floor."""
    mine = floor_of(module.name)
    for target, line in module.imports:
        other = floor_of(target)
        if mine is None or other is None or mine[1] == other[1]:
            continue
        if other[0] >= mine[0]:
            yield module.finding(line, f"{mine[1]} imports {target}, which is not below it")


def breaches_of_apartness(module: Module) -> Iterator[Finding]:
    """Imports between parts that must not know each other, however high they stand."""
    for (importer, imported), reason in APART.items():
        for target, line in module.imports if module.is_in(importer) else ():
            if target == imported or target.startswith(f"{imported}."):
                yield module.finding(line, f"imports {target}: {reason}")


def breaches_of_homes(module: Module) -> Iterator[Finding]:
    """Libraries used outside the folder that is their home, or that have no home."""
    for found in module.imports:
        package = found.package
        if package in EVERYWHERE or package == "app":
            continue
        if package in HOMES:
            homes, reason = HOMES[package]
            if not module.is_in(*homes):
                home = " or ".join(homes)
                yield module.finding(found.line, f"{package} belongs in {home}: {reason}")
        elif package not in sys.stdlib_module_names:
            yield module.finding(found.line, f"{package} has no home in tests/tidy/floors.py")


def breaches_of_purity(module: Module) -> Iterator[Finding]:
    """Imports by which core could read a file, a clock or chance."""
    if module.is_in("app.core"):
        for found in module.imports:
            if found.package not in CORE_MAY_IMPORT:
                yield module.finding(found.line, f"core imports {found.target}")
