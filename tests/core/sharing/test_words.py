"""Laws of the words in which verdicts are told."""

import pytest
from hypothesis import given
from msgspec.structs import replace

from app.core.sharing.facts import Facts, Orders
from app.core.sharing.hours import Hours
from app.core.sharing.policy import decide
from app.core.sharing.reasons import Reason
from app.core.sharing.rules import Rules
from app.core.sharing.words import (
    fact_rows,
    lending_words,
    length,
    memory_words,
    refusal_words,
    told_words,
)
from tests.core.sharing.worlds import BLIND, CALM, CARD, LENDING, facts, rules, stories

GAME = replace(CALM, exclusive_programs=("Cyberpunk2077",))


def test_a_pause_says_why_and_when_it_goes_on() -> None:
    game = decide(GAME, LENDING, None, 0.0)
    over = decide(CALM, LENDING, game, 100.0)

    assert lending_words(game.verdict, 0.0) == (
        "paused: a program that always wins is running (Cyberpunk2077), "
        "resumes 5 minutes after it ends"
    )
    assert lending_words(over.verdict, 160.0) == (
        "paused: until just now a program that always wins is running, resumes in 4 minutes"
    )
    assert memory_words(game.verdict, 0.0, memory="GPU memory") == (
        "paused: a program that always wins is running (Cyberpunk2077), "
        "resumes 10 seconds after it ends"
    )


def test_every_word_of_a_heartbeat_is_told_to_an_operator_in_words() -> None:
    words = [*(reason.word for reason in Reason), "earnings_cap", "stopping"]

    assert all(" " in told_words(word) and "you" not in told_words(word) for word in words)
    assert told_words("a_newer_reason") == "a newer reason"


@pytest.mark.parametrize(
    ("seen", "by", "words"),
    [
        (CALM, LENDING, "lending"),
        (CALM, Rules(), "not lending: you have not turned it on"),
        (
            replace(CALM, seconds_since_input=60.0),
            LENDING,
            "paused: the computer is in use, resumes in 2 minutes",
        ),
        (
            replace(CALM, seconds_since_input=BLIND),
            LENDING,
            "paused: it is not known whether the computer is in use (this system does not say)",
        ),
        (
            replace(CALM, minute_of_week=600),
            replace(LENDING, hours=Hours.of(["mon-fri 22:00-07:00"])),
            "finishing, then paused: it is outside the hours you set, resumes mon 22:00",
        ),
        (
            replace(CALM, gpus=(replace(CARD, temperature_celsius=91.0),)),
            LENDING,
            "paused: a GPU is too warm (RTX, 91 °C), resumes 1 minute after it has cooled down",
        ),
    ],
)
def test_lending_is_told_in_one_line(seen: Facts, by: Rules, words: str) -> None:
    assert lending_words(decide(seen, by, None, 0.0).verdict, 0.0) == words


def test_memory_that_was_ordered_free_is_asleep_for_a_while() -> None:
    asleep = decide(replace(CALM, orders=Orders(held_until=3600.0)), LENDING, None, 0.0).verdict

    words = [memory_words(asleep, 0.0, memory=memory) for memory in ("GPU memory", "memory")]
    assert words == [
        "asleep: GPU memory was freed, resumes in 1 hour",
        "asleep: memory was freed, resumes in 1 hour",
    ]
    assert memory_words(decide(CALM, LENDING, None, 0.0).verdict, 0.0, memory="memory") == (
        "models stay in memory while they are used"
    )


def test_a_wait_is_told_in_whole_minutes_so_that_a_menu_that_is_open_holds_still() -> None:
    hold = replace(CALM, orders=Orders(held_until=150.0))
    verdict = decide(hold, LENDING, None, 0.0).verdict

    lines = [memory_words(verdict, now, memory="memory") for now in range(151)]

    lines = [line.partition("resumes ")[2] for line in lines]
    assert list(dict.fromkeys(lines)) == ["in 3 minutes", "in 2 minutes", "within a minute"]


@given(stories, rules)
def test_clients_are_told_no_names_of_programs(story: list[tuple[float, Facts]], by: Rules) -> None:
    for _, seen in story:
        verdict = decide(seen, by, None, 0.0).verdict
        if verdict.memory_causes:
            assert "Game" not in refusal_words(verdict.memory_causes, 0.0, memory="memory")


@given(facts)
def test_every_fact_is_told_by_its_value_or_by_why_it_is_unknown(seen: Facts) -> None:
    for name, value, why in fact_rows(seen):
        assert name and bool(value) != bool(why)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 seconds"), (1, "1 second"), (60, "1 minute"), (90, "90 seconds"), (3600, "1 hour"),
     (5400, "90 minutes"), (86_400, "1 day"), (300_000, "3 days")],
)  # fmt: skip
def test_lengths_are_told_in_a_unit_that_fits(seconds: float, words: str) -> None:
    assert length(seconds) == words
