"""Laws of the log in memory."""

import logging
from pathlib import Path

from app.core.base.ids import RequestId
from app.observe.log_ring import LINES_KEPT, LogRing
from app.wire.engine import ApplyTemplate, PromptChat


def record(words: str, level: int = logging.INFO, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("app.test", level, "x.py", 1, words, arguments, None)


def texts(ring: LogRing, **only: int) -> list[str]:
    return [line.text.split("app.test ", 1)[1] for line in ring.lines(**only)]


def test_lines_are_given_past_a_number_and_from_a_level_on() -> None:
    ring = LogRing()
    for words, level in (("one", logging.INFO), ("two", logging.ERROR), ("three", logging.INFO)):
        ring.handle(record(words, level))

    assert texts(ring) == ["one", "two", "three"]
    assert texts(ring, after=2) == ["three"]
    assert texts(ring, level=logging.WARNING) == ["two"]


def test_the_oldest_lines_are_forgotten_and_the_numbers_go_on() -> None:
    ring = LogRing()
    for number in range(LINES_KEPT + 3):
        ring.handle(record(str(number)))

    assert (len(ring.lines()), ring.lines()[0].number, ring.count) == (
        LINES_KEPT,
        4,
        LINES_KEPT + 3,
    )


def test_it_begins_with_the_end_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_text(
        "2026-03-01T12:00:00.123Z error app.server it fell\nTraceback\n"
        "2026-03-01T12:00:01.123Z info app.server it went on\n"
    )
    ring = LogRing()

    ring.begin_with(file)

    assert [line.level for line in ring.lines()] == [logging.ERROR, logging.ERROR, logging.INFO]
    LogRing().begin_with(tmp_path / "none.log")


def test_users_words_do_not_reach_it() -> None:
    ring = LogRing()
    content = ApplyTemplate(
        request=RequestId("r"), chat=PromptChat(messages=[{"role": "user", "content": "canary"}])
    )

    ring.handle(record("got %s", logging.INFO, content))

    assert "canary" not in ring.lines()[0].text
    assert "withheld" in ring.lines()[0].text


def test_a_listener_hears_each_line_until_it_ends() -> None:
    ring, heard = LogRing(), []
    end = ring.listen(lambda: heard.append(ring.count))
    ring.handle(record("one"))
    end()
    ring.handle(record("two"))

    assert heard == [1]
