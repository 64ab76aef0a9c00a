"""Machine: what the computer is and how much memory it has left."""

from typing import final

import msgspec
import psutil


@final
class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while the server runs."""

    cores: int
    """Physical; logical ones where the system does not tell."""
    memory_bytes: int


def look_at_machine() -> Machine:
    """The machine this process runs on."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return Machine(cores=cores, memory_bytes=psutil.virtual_memory().total)


def memory_available() -> int:
    """Bytes of RAM that new programs can have without anything being swapped out."""
    return int(psutil.virtual_memory().available)


def resident_bytes(pid: int) -> int:
    """RAM that the process holds now, pages of mapped files included; 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
