"""When a step of `make bundle-test` has passed."""

import sys
from pathlib import Path

import pytest

import tests.packaging.installers.support  # noqa: F401  # makes packaging/bundle known

import check  # isort: skip
import logged  # isort: skip

PYTEST = ("python", "-m", "pytest")
SCRIPT = ("python", "smoke.py")
SKIPPED = ("SKIPPED [1] tests/x.py:1: needs wine",)


@pytest.mark.parametrize(
    ("command", "code", "skipped", "plainly", "strictly"),
    [
        (PYTEST, 0, (), True, True),
        (PYTEST, 0, SKIPPED, True, False),
        (PYTEST, 1, (), False, False),
        (PYTEST, 5, (), True, False),
        (SCRIPT, 0, (), True, True),
        (SCRIPT, 5, (), False, False),
    ],
)
def test_strictly_only_a_step_that_ran_all_of_it_has_passed(
    command: tuple[str, ...], code: int, skipped: tuple[str, ...], plainly: bool, strictly: bool
) -> None:
    assert check.has_passed(command, code, skipped, is_strict=False) is plainly
    assert check.has_passed(command, code, skipped, is_strict=True) is strictly


def test_the_flag_of_the_command_reaches_the_verdict(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("check")
    monkeypatch.setattr(logged, "KEPT", folder)
    monkeypatch.setattr(check, "KEPT", folder)
    monkeypatch.setattr(check.product, "BUNDLE", folder)
    tells = "print('SKIPPED [1] x.py:1: needs wine')"
    monkeypatch.setattr(check, "STEPS", {"one": (sys.executable, "-c", tells), "two": ()})

    ended = []
    for words in (["one"], ["one", "--strict"]):
        monkeypatch.setattr(sys, "argv", ["check.py", *words])
        ended.append(check.main())

    assert ended == [0, 1]
    assert "needs wine" in (folder / "one.log").read_text("utf-8")


def test_what_takes_too_long_is_ended_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logged, "KEPT", tmp_path)
    # Its child has the same streams, which are read until nobody has them any more.
    waits = "sleep 60 & echo begun; wait"

    code, lines = logged.run("late", ["sh", "-c", waits], limit_seconds=1)

    assert code != 0
    assert lines == ["begun", "late was ended after 1 s"]
    assert (tmp_path / "late.log").read_text("utf-8").splitlines() == lines
