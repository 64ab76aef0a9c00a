"""What a double click runs: the tray, without a console.

A windowed program on Windows has no standard streams at all; what would be printed goes nowhere
instead of failing. The processes that it starts talk by such streams, so they are started from the
other executable, which lies beside this one.

Not yet run on a real Windows or macOS: the machines of this project's tests are Linux.
"""

import os
import sys

if __name__ == "__main__":
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    folder, own = os.path.split(sys.executable)
    sys.executable = os.path.join(folder, own.replace("athanor-desktop", "athanor"))
    if len(sys.argv) == 1:
        sys.argv.append("tray")

    from app.__main__ import main

    sys.exit(main())
