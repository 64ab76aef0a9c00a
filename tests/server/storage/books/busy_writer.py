"""A program whose callers reserve and settle all at once; it prints each id when it is answered.

python -m tests.server.storage.books.busy_writer BOOKS
"""

import asyncio
import sys
from itertools import count
from pathlib import Path

from app.core.ledger.result import Result
from app.server.storage.books import Bookkeeper
from tests.server.storage.books.told import grant, reserve, settle

CALLERS = 50


async def main(path: Path) -> None:
    async with await Bookkeeper.open(path) as books:
        await books.submit(grant("grant", 10**12))
        numbers = count()

        async def call() -> None:
            while True:
                number = next(numbers)
                for command in (
                    reserve(f"hold-{number}", 100),
                    settle(f"end-{number}", f"hold-{number}", 90),
                ):
                    outcome = await books.submit(command)
                    assert outcome.result is Result.DONE
                    print(command.id, flush=True)

        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(call())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
