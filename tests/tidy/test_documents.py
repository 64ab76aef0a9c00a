"""What a reader looks up is there: errors, environment variables, commands of make."""

import re

from app.core.base import errors
from tests.tidy.source import modules, read, tracked_files


def _subclasses(kind: type) -> list[type]:
    return [kind, *(c for child in kind.__subclasses__() for c in _subclasses(child))]


def test_every_error_of_the_tree_is_drawn_in_it() -> None:
    drawn = set(re.findall(r"[A-Z]\w+", errors.__doc__ or ""))
    tree = [c for c in _subclasses(errors.AthanorError) if c.__module__ == errors.__name__]

    assert not {error.__name__ for error in tree} - drawn


def test_no_two_errors_have_the_same_word() -> None:
    kinds = [error.kind for error in vars(errors).values() if isinstance(error, type)]

    assert len(kinds) == len(set(kinds))


def test_every_environment_variable_of_ours_is_documented() -> None:
    used = {
        name
        for module in modules("app")
        for text in module.texts
        for name in re.findall(r"^ATHANOR_[A-Z_]*[A-Z]$", text)
    }
    documents = "".join(path.read_text() for path in tracked_files() if path.suffix == ".md")

    assert {name for name in used if name not in documents} == set()


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = {
        target
        for path in tracked_files()
        if path.suffix == ".md"
        for target in re.findall(r"`(?:\w+=\S+ )*make ([a-z-]+)", path.read_text())
    }

    assert named <= targets
