"""Names that strangers give to repositories and files, before they become paths of ours."""

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.downloads.safe_names import is_repository, placed_name, refusal_of


@pytest.mark.parametrize(
    "path",
    [
        "../../.bashrc",
        "a/../../b.gguf",
        "/etc/passwd",
        "C:\\Windows\\a.gguf",
        "C:a.gguf",
        "\\\\host\\share\\a.gguf",
        "a\\b.gguf",
        "<script>alert(1)</script>.gguf",
        'a"b.gguf',
        "a\nb.gguf",
        "a\x1b[31m.gguf",
        "a\u202efugg.gguf",
        "CON.gguf",
        "nul",
        "sub/aux.gguf",
        ".hidden.gguf",
        "-rf.gguf",
        "a.gguf ",
        "a.",
        "",
        "a//b.gguf",
        "./a.gguf",
        "a/b/c/d/e/f.gguf",
        "x" * 300 + ".gguf",
        "a\ud800.gguf",
        "a|b.gguf",
        "a?b.gguf",
    ],
)
def test_a_name_that_some_system_misreads_is_refused_with_a_reason(path: str) -> None:
    assert refusal_of(path)


@pytest.mark.parametrize(
    "path",
    [
        "Qwen3-8B-Q4_K_M.gguf",
        "Q4_K_M/model-00001-of-00003.gguf",
        "name with spaces (v2) [x].gguf",
        "模型-Q4_0.gguf",
        "command.gguf",
        "console/a.gguf",
    ],
)
def test_names_that_people_use_are_not_refused(path: str) -> None:
    assert refusal_of(path) == ""


@given(path=st.text(alphabet=st.characters() | st.sampled_from("/\\.:"), max_size=40))
def test_what_is_not_refused_stays_below_its_folder_on_every_system(path: str) -> None:
    if refusal_of(path):
        return

    for pure in (PurePosixPath(path), PureWindowsPath(path)):
        assert not pure.is_absolute()
        assert not pure.drive and not pure.root
        assert ".." not in pure.parts


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("unsloth/Qwen3-8B-GGUF", True),
        ("ggml-org/gpt-oss-20b-GGUF", True),
        ("no-owner", False),
        ("a/b/c", False),
        ("../b", False),
        ("a/..", False),
        ("a/b c", False),
        ("a/<b>", False),
        ("a/b?x=1", False),
        ("a/b.git", False),
        ("a/b\n", False),
        ("", False),
    ],
)
def test_a_repository_is_an_owner_and_a_name_of_plain_characters(name: str, is_one: bool) -> None:
    assert is_repository(name) is is_one


def test_a_file_is_placed_without_its_folders_unless_another_has_its_name() -> None:
    others = ["Q4/a-Q4_0.gguf", "Q8/a-Q8_0.gguf", "x/model.gguf", "y/Model.gguf"]

    assert placed_name("Q4/a-Q4_0.gguf", others) == "a-Q4_0.gguf"
    assert placed_name("x/model.gguf", others) == "x/model.gguf"
