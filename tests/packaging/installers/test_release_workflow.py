"""The workflow of a release speaks of what exists: make targets, scripts, secrets it names."""

import re

from tests.packaging.installers.support import ROOT

WORKFLOW = (ROOT / ".github/workflows/release.yml").read_text("utf-8")


def test_it_calls_targets_of_make_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {word for line in re.findall(r"\bmake ([a-z -]+)", WORKFLOW) for word in line.split()}

    assert called
    assert called <= targets


def test_it_runs_scripts_that_exist() -> None:
    named = {path.replace("\\", "/") for path in re.findall(r"packaging[/\\][\w/\\.]+", WORKFLOW)}

    assert len(named) >= 5
    assert not [path for path in named if not (ROOT / path).exists()]


def test_every_secret_that_it_uses_is_explained_at_its_top() -> None:
    head = WORKFLOW.partition("name: release")[0]
    used = set(re.findall(r"secrets\.([A-Z_]+)", WORKFLOW))

    assert not {
        name for name in used if name.removesuffix("_PASSWORD") not in head and name not in head
    }


def test_nothing_is_published_before_all_three_systems_have_passed() -> None:
    publish = WORKFLOW.partition("\n  publish:")[2]

    assert "needs: [linux, windows, macos]" in publish
    assert "continue-on-error" not in WORKFLOW


def test_it_says_that_it_was_not_yet_run() -> None:
    assert "NOT YET RUN" in WORKFLOW
