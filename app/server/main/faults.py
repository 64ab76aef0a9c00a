"""Faults: an error that ends a process, as its owner is told it.

What fails while tasks run comes out of them in groups, one around the other. A person wants the
sentence in it: a locked database, a price list with a typing error.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from app.core.base.errors import AthanorError


@contextmanager
def told_alone() -> Iterator[None]:
    """What the owner can mend is raised as itself, and not as the group around it."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise _told(group) from group


def _told(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error that an owner can do something about; else the group."""
    expected = group.subgroup((AthanorError, OSError))
    error: BaseException = group if expected is None else expected
    while expected is not None and isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
