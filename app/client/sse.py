"""Server-sent events, as far as our own server sends them: data lines, comments, empty lines."""

from collections.abc import Iterable, Iterator


def events_of(lines: Iterable[str]) -> Iterator[str]:
    """The data of each event, in order; heartbeats (comments) and other fields are skipped.

    An event that the end of the stream cut short is not given.
    """
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data.clear()
