"""A scripted host as a program of its own: it does what the lines on its stdin say.

    python -m tests.support.host_program FOLDER ADDRESS

Prints the invite; then for `word` it sends the next word of the answer under way, for `end` the
last one with the cost, and answers each line with one of its own when it was sent.
"""

import asyncio
import sys
from pathlib import Path

from app.core.base.units import Micros
from app.wire.engine import Begun, Completed, Delta, Ended, Said, Timings, Usage
from app.wire.pool import Ask, Market, Quote, Sealed, Told
from tests.support.scripted_host import ScriptedHost, scripted_host

QUOTE = Quote(
    model="large",
    sha256="a" * 64,
    context=1000,
    prices=(Micros(1_000_000), Micros(500_000), Micros(2_000_000)),
    wait_seconds=0.0,
    workers=1,
)


async def main(folder: Path, address: str) -> None:
    """Until stdin ends."""
    async with scripted_host(folder, listens_at=address) as host:
        say(host.invite())
        words = 0
        ask: Ask | None = None
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            match line:
                case "market":
                    await host.until(lambda: bool(host.greeted))
                    await host.send(Market(quotes=(QUOTE,)))
                case "ask":
                    ask = await host.expect(Ask)
                case "word" if ask is not None:
                    words += 1
                    await tell(host, ask, words)
                case "sockets":
                    say(str(len(host.greeted)))
                    continue
                case "end" if ask is not None:
                    await end(host, ask)
            say("done")


async def tell(host: ScriptedHost, ask: Ask, number: int) -> None:
    """One more word; the first brings what comes before it."""
    assert not isinstance(ask.body, Sealed)
    request = ask.body.request
    delta = Delta(request=request, choice=0, parts=[Said(text=f"{number} ")])
    begun = [Begun(request=request, prompt_tokens=7)] if number == 1 else []
    await host.send(Told(job=ask.job, events=[*begun, delta]))


async def end(host: ScriptedHost, ask: Ask) -> None:
    """The last word."""
    assert not isinstance(ask.body, Sealed)
    request = ask.body.request
    usage = Usage(prompt=7, cached=0, completion=9)
    timings = Timings(queue_ms=0, prompt_ms=0, decode_ms=0)
    ended = Ended(request=request, choice=0, reason="stop")
    completed = Completed(request=request, usage=usage, timings=timings)
    await host.send(Told(job=ask.job, events=[ended, completed], is_last=True, cost=Micros(9)))


def say(line: str) -> None:
    """To who started this."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
