"""When a step of `make bundle-test` has passed."""

import os
import sys
from pathlib import Path

import pytest

from tests.packaging.installers.support import ROOT  # which makes packaging/bundle known

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
        (PYTEST, 5, (), False, False),
        (PYTEST, 5, SKIPPED, True, False),
        (SCRIPT, 0, (), True, True),
        (SCRIPT, 5, (), False, False),
    ],
)
def test_strictly_only_a_step_that_ran_all_of_it_has_passed(
    command: tuple[str, ...], code: int, skipped: tuple[str, ...], plainly: bool, strictly: bool
) -> None:
    assert check.has_passed(command, code, skipped, is_strict=False) is plainly
    assert check.has_passed(command, code, skipped, is_strict=True) is strictly


def test_a_step_is_judged_by_what_it_said_which_is_kept(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "print('SKIPPED [1] x.py:1: needs wine')")

    plainly, strictly = (
        check.outcome_of("one", command, is_strict=is_strict, folder=tmp_path)
        for is_strict in (False, True)
    )

    assert (plainly.passed, strictly.passed) == (True, False)
    assert strictly.skipped == ("SKIPPED [1] x.py:1: needs wine",)
    assert "needs wine" in (tmp_path / "one.log").read_text("utf-8")


def test_a_step_that_lost_all_its_tests_fails_and_one_that_skips_them_all_says_why(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_none.py").write_text("def other(): pass\n")
    (tmp_path / "test_skipped.py").write_text(
        "import pytest\npytest.skip('needs wine', allow_module_level=True)\n"
    )
    lost, skipped = (
        check.outcome_of(
            name,
            # Neither this project's settings nor its plugins.
            (sys.executable, "-m", "pytest", "-rs", "-c", os.devnull, str(tmp_path / f"{name}.py")),
            is_strict=False,
            folder=tmp_path / "kept",
        )
        for name in ("test_none", "test_skipped")
    )

    assert not lost.passed
    assert skipped.passed and "needs wine" in skipped.skipped[0]


def test_the_result_tells_how_a_step_ended_and_what_became_of_its_tests(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): pytest.skip('needs wine')\n"
    )
    command = (sys.executable, "-m", "pytest", "-c", os.devnull, str(tmp_path / "test_two.py"))

    tests, script = (
        check.outcome_of("one", each, is_strict=False, folder=tmp_path / "kept")
        for each in (command, (sys.executable, "-c", "print('3 passed'); exit(4)"))
    )

    assert (tests.code, tests.counts) == (0, {"passed": 1, "skipped": 1})
    assert (script.code, script.counts) == (4, {})


def test_without_the_module_that_takes_hours_all_steps_are_those_that_a_release_can_have(
    tmp_path: Path,
) -> None:
    module = tmp_path / "libggml-cuda.so"

    without = check.possible(module)
    module.touch()

    assert "cuda" not in without
    assert [*without, "cuda"] == check.possible(module) == list(check.STEPS)
    assert f"--ignore={check.STEPS['cuda'][-1]}" in check.STEPS["installers"]
    assert (ROOT / check.STEPS["cuda"][-1]).is_file()


def test_every_test_of_the_bundle_is_of_a_step() -> None:
    steps = [step for step in check.STEPS.values() if "bundle" in step]
    places = {word for step in steps for word in step if word.startswith("tests/")}

    marked = [
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "tests").rglob("test_*.py")
        if "mark.bundle" in file.read_text("utf-8")
    ]

    assert len(marked) > 10
    assert not [file for file in marked if not file.startswith(tuple(places))]


def test_a_packed_bundle_has_a_size_that_it_may_not_pass() -> None:
    limit = check.PACKED_BYTES_MAX

    assert check.too_large({"a.tar.zst": limit, "b.deb": limit + 1}) == ["b.deb"]


def test_what_takes_too_long_is_ended_and_says_so(tmp_path: Path) -> None:
    # Its child has the same streams, which are read until nobody has them any more.
    waits = "sleep 60 & echo begun; wait"

    code, lines = logged.run("late", ["sh", "-c", waits], limit_seconds=1, folder=tmp_path)

    assert code != 0
    assert lines == ["begun", "late was ended after 1 s"]
    assert (tmp_path / "late.log").read_text("utf-8").splitlines() == lines
