"""Short child: one question to a process of ours that answers on stdout and ends."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec

from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.tether import BEFORE_EXEC, CREATION_FLAGS, NEW_SESSION, Tether


async def answer_of(program: EngineProgram, argument: str, *, seconds_max: float) -> bytes:
    """What the program writes when it is started with this argument.

    Raises: OSError when it does not start, TimeoutError, ValueError when it fails.
    """
    child = await create_subprocess_exec(
        *program.command,
        argument,
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
        last = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise ValueError(f"exit status {child.returncode}: {last}")
    return answer
