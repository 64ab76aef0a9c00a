"""Short child: one question to a process of ours that answers on stdout and ends."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from collections.abc import Sequence

from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.tether import BEFORE_EXEC, CREATION_FLAGS, NEW_SESSION, Tether


class ChildFailed(ValueError):
    """The child ended with a status that is none of success."""

    def __init__(self, status: int, lines: Sequence[str]) -> None:
        super().__init__(f"exit status {status}: {lines[-1] if lines else ''}")
        self.status = status
        self.lines = lines
        """What it wrote to stderr."""


async def answer_of(program: EngineProgram, *arguments: str, seconds_max: float) -> bytes:
    """What the program writes when it is started with these arguments.

    Raises: OSError when it does not start, TimeoutError, ChildFailed.
    """
    child = await create_subprocess_exec(
        *program.command,
        *arguments,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=program.environment,
        cwd=program.folder,
        start_new_session=NEW_SESSION,
        creationflags=CREATION_FLAGS,
        preexec_fn=BEFORE_EXEC,  # one system call, no lock: tether.py
    )
    tether = Tether(child)
    try:
        async with asyncio.timeout(seconds_max):
            answer, errors = await child.communicate()
    except TimeoutError:
        raise TimeoutError(f"no answer within {seconds_max:g} s") from None
    finally:
        tether.kill()
        await child.wait()
        tether.close()
    if child.returncode:
        raise ChildFailed(child.returncode, errors.decode("utf-8", "replace").strip().splitlines())
    return answer
