"""Finding: one thing that the doctor looked at."""

from collections.abc import Iterator
from typing import Literal

import msgspec

Verdict = Literal["ok", "note", "warning", "wrong"]
"""ok: as it should be. note: good to know. warning: works less well than it could. wrong: fails."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, how it is, and what to do about it."""

    about: str
    verdict: Verdict
    message: str
    remedy: str = ""


class DoctorReport(msgspec.Struct, frozen=True, kw_only=True):
    """All findings; `is_well` when none of them is wrong."""

    is_well: bool
    findings: tuple[Finding, ...]
    support_file: str = ""
    """What `--bundle` wrote; "" without it."""


Findings = Iterator[Finding]
