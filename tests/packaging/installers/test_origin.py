"""Of which commit a built bundle is."""

import subprocess
from pathlib import Path

import pytest

import tests.packaging.installers.support  # noqa: F401  # makes packaging/bundle known

import origin  # isort: skip
from origin import NOWHERE, Origin  # isort: skip


def git(root: Path, *words: str) -> str:
    named = ["-c", "user.name=A", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", "-C", root, *named, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with one commit."""
    root = tmp_path / "tree"
    (root / "app").mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "app" / "one.py").write_text("1")
    (root / "docs" / "one.md").write_text("1")
    git(tmp_path, "init", "-q", "tree")
    git(root, "add", "--all")
    git(root, "commit", "-qm", "one")
    return root


def test_a_bundle_is_of_the_commit_whose_tree_it_was_collected_from(tree: Path) -> None:
    (tree / "docs" / "one.md").write_text("not collected")

    made_of = origin.of_tree(tree)

    assert made_of == Origin(commit=git(tree, "rev-parse", "--short", "HEAD"), is_changed=False)
    assert made_of.trouble == ""


@pytest.mark.parametrize("name", ["one.py", "new.py"])
def test_what_no_commit_has_is_told_a_new_file_too(tree: Path, name: str) -> None:
    (tree / "app" / name).write_text("2")

    made_of = origin.of_tree(tree)

    assert made_of.is_changed
    assert f"changes that commit {made_of.commit} has not" in made_of.trouble


def test_it_is_read_as_it_was_when_the_bundle_was_built(tree: Path, tmp_path: Path) -> None:
    built, file = origin.of_tree(tree), tmp_path / "built.json"
    origin.write(built, file)

    git(tree, "commit", "-q", "--allow-empty", "-m", "two")

    assert origin.read(file) == built != origin.of_tree(tree)


def test_a_bundle_of_which_nobody_wrote_it_down_is_of_no_commit(tmp_path: Path) -> None:
    assert origin.read(tmp_path / "none.json") == origin.of_tree(tmp_path) == NOWHERE
    assert "nobody knows" in NOWHERE.trouble
