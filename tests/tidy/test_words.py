"""What is written reads well to a stranger: no unfinished ends, no foreign paths, no mocks."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.tidy.nevers import called, long_files_and_functions
from tests.tidy.source import ROOT, Finding, Module, modules, tracked_files

THIS = "tests/tidy/"
TEXT_SUFFIXES = {".md", ".py", ".sql", ".toml", ".jinja", ".txt", ".sh", ".json", ".toy", ""}

UNFINISHED = re.compile(r"\b(TODO(?! \(#\d+\))|FIXME|XXX|HACK)\b|raise NotImplementedError")
MACHINES = re.compile(r"(?<![\w./~-])/(home|root|Users|work|mnt/[a-z]+)/\w+")
MOCKS = {"mock", "unittest.mock", "pytest_mock", "unittest.mock.patch"}


def _lines_of_project() -> Iterator[tuple[str, int, str]]:
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in TEXT_SUFFIXES and not name.startswith(THIS) and name != "LICENSE":
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                yield name, number, line


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (UNFINISHED, "what is unfinished has an issue number, `TODO (#12)`, or is not written"),
        (MACHINES, "a path of somebody's machine means nothing on another"),
    ],
    ids=["unfinished", "machines"],
)
def test_no_line_of_the_project_says(pattern: re.Pattern[str], reason: str) -> None:
    found = [f"{name}:{n}: {line.strip()}" for name, n, line in _lines_of_project()
             if pattern.search(line)]  # fmt: skip

    assert not found, f"{reason}:\n" + "\n".join(found)


def mocked(module: Module) -> Iterator[Finding]:
    """Imports and calls that put a fake in the place of the real thing."""
    for found in module.imports:
        if any(found.target == mock or found.target.startswith(f"{mock}.") for mock in MOCKS):
            yield module.finding(found.line, f"imports {found.target}")
    for node in module.nodes:
        if called(node) in {"monkeypatch.setattr", "monkeypatch.setitem", "mocker.patch"}:
            yield module.finding(node, f"calls {called(node)}")


def slept(module: Module) -> Iterator[Finding]:
    """Waiting for a time instead of an event; giving way once, `sleep(0)`, is not waiting."""
    for node in module.nodes:
        if called(node) in {"time.sleep", "asyncio.sleep", "anyio.sleep", "sleep"}:
            assert isinstance(node, ast.Call), "only calls have a name here"
            if [ast.unparse(argument) for argument in node.args] != ["0"]:
                yield module.finding(node, ast.unparse(node))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (mocked, "a mock tests the mock: use the toy backend, a real file, a real process"),
        (slept, "a sleep is too short on a slow machine and too long on a fast one"),
        (long_files_and_functions, "a test is read more often than it is written"),
    ],
)
def test_no_test_breaks_the_rule(rule, reason) -> None:
    findings = [str(finding) for module in modules("tests") for finding in rule(module)]

    assert not findings, f"{reason}:\n" + "\n".join(findings)


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (UNFINISHED, "# TODO: later"),
        (UNFINISHED, "    raise NotImplementedError"),
        (MACHINES, "see /home/anna/notes"),
    ],
)
def test_each_pattern_sees_a_breach(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (mocked, "from unittest import mock"),
        (mocked, "def test(monkeypatch): monkeypatch.setattr(a, 'b', c)"),
        (slept, "await asyncio.sleep(0.1)"),
    ],
)
def test_each_rule_for_tests_sees_a_breach(rule, text) -> None:
    assert list(rule(Module.of("tests/test_x.py", text)))
