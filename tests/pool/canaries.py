"""Canaries: strings that stand in prompts and answers, and the search for them in all that is kept.

A word can be kept otherwise than it was said, so it is looked for as bytes, as the numbers of its
tokens (those of a toy are bytes), in UTF-16 and in base64 at each of its three places.
"""

import base64
import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

FDINFO_FLAGS = "flags:"


class Canary(str):
    """A string that nobody else says."""

    @property
    def guises(self) -> tuple[bytes, ...]:
        """All that it could be kept as; none of them is part of another text."""
        said = self.encode()
        bases = (base64.b64encode(b" " * before + said)[4:-4] for before in range(3))
        return (
            said,
            self[len(self) // 2 :].encode(),
            self.encode("utf-16-le"),
            ", ".join(str(byte) for byte in said[:6]).encode(),
            ",".join(str(byte) for byte in said[:6]).encode(),
            said.hex().encode(),
            *bases,
        )

    def is_in(self, content: bytes) -> bool:
        """Whether these bytes hold it in any guise."""
        return any(guise in content for guise in self.guises)


def files_with(canary: Canary, *folders: Path) -> list[str]:
    """Files that hold it. One that vanishes meanwhile holds nothing."""
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and canary.is_in(path.read_bytes()):
                    found.append(str(path))
    return found


def family(process: int) -> list[int]:
    """A process and all that it started."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The name stands in brackets and may hold anything; the parent is the second after it.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found


def written_files(process: int) -> Iterator[tuple[str, bytes]]:
    """Every plain file that a process has open for writing, by name, with what is in it.

    Those that were deleted since are among them: a temporary file is often deleted at once.
    """
    for link in Path(f"/proc/{process}/fd").glob("*"):
        with contextlib.suppress(OSError):
            info = Path(f"/proc/{process}/fdinfo/{link.name}").read_text()
            flags = next(line for line in info.splitlines() if line.startswith(FDINFO_FLAGS))
            is_written = int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
            if is_written and stat.S_ISREG(link.stat().st_mode):
                yield os.readlink(link), link.read_bytes()


def environment_of(process: int) -> dict[str, str]:
    """What a process was started with."""
    pairs = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
