"""look_over: the package and its parts, seen by the checkers that Debian and the desktops have."""

import shutil
import subprocess
from pathlib import Path

import texts


def look_over(package: Path, share: Path, *, is_strict: bool) -> int:
    """0 when no checker that is installed has something to say; `share` is the package's own.

    One that is missing is named; strictly, it has failed.
    """
    checks: list[list[str | Path]] = [
        ["lintian", "--no-cfg", "--allow-root", "--fail-on=error,warning", package],
        ["desktop-file-validate", *sorted((share / "applications").iterdir())],
        ["appstreamcli", "validate", "--no-net", share / "metainfo" / texts.METAINFO_FILE],
    ]
    worst = 0
    for command in checks:
        if shutil.which(command[0]) is None:
            # `make bundle-test` counts what begins with this word.
            print(f"SKIPPED: {command[0]} is not installed, so it has looked at nothing")
            worst = max(worst, int(is_strict))
            continue
        told = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        print(f"{command[0]}: {told.stdout.strip() or 'nothing to say'}")
        worst = max(worst, told.returncode)
    return worst
