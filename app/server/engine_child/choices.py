"""Choices: one generation of several answers, asked for one by one and told as one engine's.

A job of a pool has one answer, so who asks a pool for more has more jobs. Each has a seed of its
own, as an engine gives each choice; a client sees one stream.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from msgspec.structs import replace

from app.core.base.errors import AthanorError
from app.server.engine_child.engine_process import StreamEvent
from app.wire.engine import Begun, Completed, Generate, Usage

_SEED_BITS: Final = 0xFFFFFFFF


def each_choice(generate: Generate, chance: int) -> list[Generate]:
    """A generation for each choice. `chance` is the seed of the first where none is given."""
    seed = generate.sampling.seed
    first = chance if seed is None else seed
    return [
        replace(
            generate,
            choices=1,
            sampling=replace(generate.sampling, seed=(first + choice) & _SEED_BITS),
        )
        for choice in range(generate.choices)
    ]


async def merged(
    answers: Sequence[AsyncGenerator[StreamEvent, None]],
) -> AsyncGenerator[StreamEvent, None]:
    """The events of several choices as they come; the answers number them already.

    Closing the iterator closes every answer. Raises: what the first of them raises, when all the
    others are closed.
    """
    if len(answers) == 1:
        async with aclosing(answers[0]) as events:
            async for event in events:
                yield event
        return
    # Of a reader who is slow each answer's own source knows, as with one.
    queue: asyncio.Queue[StreamEvent | AthanorError] = asyncio.Queue(len(answers))

    async def read(answer: AsyncGenerator[StreamEvent, None]) -> None:
        try:
            async with aclosing(answer) as events:
                async for event in events:
                    await queue.put(event)
        except AthanorError as error:
            await queue.put(error)

    has_begun, completed = False, list[Completed]()
    end: AthanorError | GeneratorExit | None = None
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(each), name="one of several choices") for each in answers]
        try:
            while len(completed) < len(answers):
                found = await queue.get()
                if isinstance(found, AthanorError):
                    raise found
                if isinstance(found, Completed):
                    completed.append(found)
                elif not (isinstance(found, Begun) and has_begun):
                    has_begun |= isinstance(found, Begun)
                    yield found
        except (AthanorError, GeneratorExit) as error:
            end = error  # raised below: leaving the group with it would make a group of errors
        finally:
            for task in tasks:
                task.cancel()
    if end is not None:
        raise end
    yield _together(completed)


def _together(completed: list[Completed]) -> Completed:
    """The usage of all choices: each read the prompt, which counts once, as in an engine."""
    first = completed[0]
    usages = [each.usage for each in completed]
    return replace(
        first,
        usage=Usage(
            prompt=first.usage.prompt,
            cached=max(usage.cached for usage in usages),
            completion=sum(usage.completion for usage in usages),
            reasoning=sum(usage.reasoning for usage in usages),
        ),
    )
