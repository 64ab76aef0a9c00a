"""The nevers: what no module of the program does, each with its reason.

A rule is a function from a module to its findings; `RULES` lists them with the reason that a
failing test prints.
"""

import ast
import re
from collections.abc import Callable, Iterator

from tests.tidy.floors import (
    breaches_of_apartness,
    breaches_of_floors,
    breaches_of_homes,
    breaches_of_purity,
)
from tests.tidy.source import Finding, Module

Rule = Callable[[Module], Iterator[Finding]]

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

CATCHES_ALL: dict[str, str] = {
    "app/engine/main.py": "ends the process by an exit code that says which side broke; the "
    "supervisor starts another",
    "app/engine/service.py": "root of the tasks that prepare requests: ends the request, not the "
    "engine",
    "app/server/host/asks.py": "root of one ask: tells its member that the host is at fault, and "
    "the host goes on for all the others",
    "app/server/host/care.py": "root of one round, and of what one member is told of itself: the "
    "next round does it, and the host goes on",
    "app/server/host/orphans.py": "root of one late receipt, which its worker shows again later, "
    "and of one orphan, which is looked at again: the host goes on",
    "app/server/host/jobs.py": "root of one job: ends that job with an error to its caller and not "
    "the host with all the others; its hold is given back",
    "app/server/host/vocabulary.py": "root of the tasks that care for one vocabulary: ends it, and "
    "not the host with all the others",
    "app/server/node/pool/pool.py": "root of all that a node does in its pool: ends the link and "
    "begins it again, and not the node that serves its owner",
    "app/server/node/engine.py": "root of the tasks that care for one engine: ends that engine and "
    "says so, and not the node with all the others",
}
"""Module -> what is done about an error of any kind there."""

IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "globals"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
WAITS = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "data", "info", "common", "misc"}


def called(node: ast.AST) -> str:
    """The dotted text of what a call calls; "" for other nodes."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def impure_calls_in_core(module: Module) -> Iterator[Finding]:
    """Builtins that reach out of the program."""
    for node in module.nodes if module.is_in("app.core") else ():
        if called(node) in IMPURE_CALLS:
            yield module.finding(node, f"calls {called(node)}")


def async_outside_its_floors(module: Module) -> Iterator[Finding]:
    """`async` and `await` anywhere but in the server, its client and the tray on its bus."""
    if not module.is_in("app.server", "app.client", "app.tray.bus"):
        yield from (module.finding(n, "is async") for n in module.nodes if isinstance(n, WAITS))


def any_outside_the_bindings(module: Module) -> Iterator[Finding]:
    """The type that switches the type checker off."""
    for found in module.imports if not module.is_in("app.engine.llama") else ():
        if found.target in {"typing.Any", "typing_extensions.Any"}:
            yield module.finding(found.line, "imports Any")


def catching_everything(module: Module) -> Iterator[Finding]:
    """`except Exception` and its kin outside the table; cleaning up and raising is fine."""
    if module.path in CATCHES_ALL:
        return
    for node in module.nodes:
        if isinstance(node, ast.ExceptHandler) and ast.unparse(node.body[-1]) != "raise":
            caught = ast.unparse(node.type) if node.type else "everything"
            if re.search(r"\b(Exception|BaseException|everything)\b", caught):
                yield module.finding(node, f"catches {caught}")


def printing_outside_the_terminal(module: Module) -> Iterator[Finding]:
    """`print` to stdout where that is not for a person at a terminal."""
    for node in module.nodes if not module.is_in("app.cli") else ():
        if called(node) == "print" and "file=sys.stderr" not in ast.unparse(node):
            yield module.finding(node, "prints")


def long_files_and_functions(module: Module) -> Iterator[Finding]:
    """Files and functions past the limits."""
    if module.lines > FILE_LINES_MAX:
        yield module.finding(1, f"has {module.lines} lines of {FILE_LINES_MAX}")
    for node in module.nodes:
        if isinstance(node, FUNCTIONS):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield module.finding(node, f"{node.name} has {lines} of {FUNCTION_LINES_MAX} lines")


def modules_without_a_sentence(module: Module) -> Iterator[Finding]:
    """Files that do not open with a docstring; a package's empty `__init__` may."""
    if module.tree.body and not ast.get_docstring(module.tree):
        yield module.finding(1, "has no docstring")


def vague_names(module: Module) -> Iterator[Finding]:
    """Files and classes whose name says nothing of what is in them."""
    for word in module.name.split("."):
        if word in VAGUE_NAMES:
            yield module.finding(1, f"is named {word}")
    for node in module.nodes:
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?)$", node.name):
            yield module.finding(node, f"is named {node.name}")


def unowned_tasks(module: Module) -> Iterator[Finding]:
    """Tasks that no group waits for: their errors vanish and they outlive their work."""
    for node in module.nodes:
        if called(node) in {"asyncio.create_task", "asyncio.ensure_future", "loop.create_task"}:
            yield module.finding(node, f"calls {called(node)}")


def stripped_asserts(module: Module) -> Iterator[Finding]:
    """Words by which Python would be started without its asserts."""
    for node in module.nodes:
        if isinstance(node, ast.Constant) and node.value in {"-O", "-OO", "PYTHONOPTIMIZE"}:
            yield module.finding(node, f"says {node.value!r}")


RULES: dict[Rule, str] = {
    breaches_of_floors: "imports run one way, so that a floor can be read without those above it",
    breaches_of_apartness: "some parts meet only on the wire",
    breaches_of_homes: "every library has one home, so that swapping it edits one folder",
    breaches_of_purity: "core decides and does nothing: its tests are plain calls",
    impure_calls_in_core: "core decides and does nothing: its tests are plain calls",
    async_outside_its_floors: "only server, client and the session bus wait; rules and the engine "
    "loop are easier to read, test and time without it",
    any_outside_the_bindings: "a type that fits everything hides the mistake of the next change",
    catching_everything: "an error is caught where something is done about it; a place that "
    "catches all stands in CATCHES_ALL with what it does",
    printing_outside_the_terminal: "stdout carries frames in the engine and nothing in the server",
    long_files_and_functions: "a file holds one concept and a function one thought",
    modules_without_a_sentence: "a reader learns from the first line whether to read on",
    vague_names: "a name says what is inside; a drawer fills up",
    unowned_tasks: "tasks are born in a TaskGroup, which waits for them and hears their errors",
    stripped_asserts: "asserts hold invariants of memory and must run in release",
}
