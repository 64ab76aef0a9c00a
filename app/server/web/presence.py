"""Presence: work for a client goes on for as long as the client is there.

A client that leaves in mid-answer is a cancel: its work ends at once, and with it the lease that
the work holds, so that the engine frees the cells at its next step.
"""

import asyncio
from collections.abc import Coroutine
from typing import Generic, TypeVar, final

from litestar.types import Receive

T = TypeVar("T")


@final
class Done(Generic[T]):
    """The work came to its end."""

    def __init__(self, value: T) -> None:
        self.value = value


@final
class Broken:
    """The work raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error


@final
class Gone:
    """The client left first; the work was cancelled and has ended."""


async def while_present(
    receive: Receive, work: Coroutine[object, object, T]
) -> Done[T] | Broken | Gone:
    """How `work` ended. The request's body must have been read, so that `receive` can only
    say that the client left.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(work, name="answer")
            watching = tasks.create_task(_end_when_gone(receive, working), name="watch the client")
            working.add_done_callback(lambda _: watching.cancel())
    except ExceptionGroup as group:
        return Broken(first_error(group))
    return Gone() if working.cancelled() else Done(working.result())


async def _end_when_gone(receive: Receive, working: asyncio.Task[T]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    working.cancel()


def first_error(group: ExceptionGroup[Exception]) -> Exception:
    """The first error in a task group's, however deep: the others followed from it."""
    error = group.exceptions[0]
    return first_error(error) if isinstance(error, ExceptionGroup) else error
