"""Laws of the log: one line, its fields, and never a user's words."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.base.ids import RequestId
from app.observe.logging import FILE_BYTES_MAX, FILES_KEPT, set_up
from app.wire.engine import Delta, Said

LONG_LINE_BYTES = 20_000
SECRET = "the user's own words"
DELTA = Delta(request=RequestId("r"), choice=0, parts=[Said(text=SECRET)])


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers[:] = []
    set_up("info", tmp_path / "server.log")
    yield tmp_path / "server.log"
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level = before


def test_a_line_has_time_level_logger_sentence_and_fields(file: Path) -> None:
    logging.getLogger("app.x").info("request ended", extra={"tokens": 12, "why": "no room"})

    (line,) = file.read_text().splitlines()
    stamp, rest = line.split(" ", 1)
    assert stamp.endswith("Z") and stamp[10] == "T"
    assert rest == "info app.x request ended tokens=12 why='no room'"


def test_a_sentence_with_newlines_stays_one_line(file: Path) -> None:
    logging.getLogger("app.x").warning("first\nsecond", extra={"lines": "a\nb"})

    assert len(file.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [("%s", DELTA), ("%s", {"delta": [DELTA]}), ("%s %s", 1, (DELTA,))],
)
def test_a_record_that_carries_content_is_replaced_by_a_complaint(
    file: Path, arguments: tuple[object, ...]
) -> None:
    logging.getLogger("app.x").info(*arguments)

    text = file.read_text()
    assert SECRET not in text and "Delta" not in text
    assert "error app.x a log line with user content was withheld place=test_logging.py:" in text


def test_content_in_fields_and_in_errors_is_withheld_too(file: Path) -> None:
    log = logging.getLogger("app.x")
    log.info("ended", extra={"event": DELTA})
    try:
        raise ValueError(DELTA)
    except ValueError:
        log.exception("failed")

    text = file.read_text()
    assert SECRET not in text
    assert text.count("withheld") == 2


def test_a_traceback_is_kept_where_it_carries_no_content(file: Path) -> None:
    try:
        raise ValueError("plain")
    except ValueError:
        logging.getLogger("app.x").exception("failed")

    assert "ValueError: plain" in file.read_text()


@pytest.mark.parametrize("name", ["aiosqlite", "httpx", "uvicorn.error", "websockets"])
def test_foreign_loggers_are_heard_from_warning_up(file: Path, name: str) -> None:
    logging.getLogger(name).info("GET http://host/?secret=1")
    logging.getLogger(name).warning("trouble")

    assert "secret" not in file.read_text()
    assert "trouble" in file.read_text()


def test_setting_up_again_replaces_the_former_set_up(file: Path) -> None:
    set_up("warning", file.with_name("other.log"))
    logging.getLogger("app.x").info("quiet")
    logging.getLogger("app.x").warning("loud")

    assert file.read_text() == ""
    assert "loud" in file.with_name("other.log").read_text()


def test_a_log_turns_over_and_never_takes_more_than_its_files(file: Path) -> None:
    log = logging.getLogger("app.x")
    lines = (FILES_KEPT + 3) * FILE_BYTES_MAX // LONG_LINE_BYTES

    for number in range(lines):
        if number == lines // 2:
            # A server that starts again goes on in the same files.
            set_up("info", file)
        log.info("event %06d %s", number, "x" * LONG_LINE_BYTES)

    files = sorted(file.parent.iterdir())
    kept = [file, *(file.with_name(f"{file.name}.{i + 1}") for i in range(FILES_KEPT))]
    assert files == sorted(kept)
    assert all(0 < each.stat().st_size <= FILE_BYTES_MAX for each in files)
    told = [line.split()[4] for each in reversed(kept) for line in each.read_text().splitlines()]
    # The newest are all there, in order, and the oldest are gone.
    assert told == [f"{number:06}" for number in range(lines - len(told), lines)]
    assert len(told) > FILES_KEPT * (FILE_BYTES_MAX // (2 * LONG_LINE_BYTES))
