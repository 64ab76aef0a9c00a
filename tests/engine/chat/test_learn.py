"""Every template of the archive is learned, and reads back what it writes."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.chat.learn import ONE_TEXT, PROBE_TOOLS, TWO_CALLS
from app.engine.chat.parser import OutputParser
from app.engine.chat.probe import Call
from app.wire.engine import Said
from tests import sdist
from tests.engine.chat import report
from tests.engine.chat.speech import heard, plain

CALLS_READ_BACK = 63
REASONING_READ_BACK = 34
"""What was reached; a change that reads fewer has lost something."""


def test_the_page_says_what_is_learned() -> None:
    assert report.PAGE.read_text() == report.page(), "run: python -m tests.engine.chat.report"


def test_calls_of_all_templates_that_write_any_are_read_back() -> None:
    findings = report.findings()

    native = [one for one in findings if one.learned.form.calls is not None]

    assert len(findings) == 70
    assert [one.name for one in native if not one.calls] == []
    assert len(native) >= CALLS_READ_BACK


def test_reasoning_of_all_templates_that_write_any_is_read_back() -> None:
    findings = report.findings()

    written = [one for one in findings if one.learned.writes_reasoning]

    assert [one.name for one in written if not one.reasoning] == []
    assert len(written) >= REASONING_READ_BACK


@pytest.mark.parametrize("path", sdist.templates(), ids=lambda path: path.stem)
def test_a_turn_is_read_alike_letter_by_letter(path: Path) -> None:
    one = report.finding(path)
    if one.learned.form.calls is None:
        return
    turn = _turn(path, TWO_CALLS if one.two_calls else ONE_TEXT)

    def parser() -> OutputParser:
        return OutputParser(one.learned.form, PROBE_TOOLS, str)

    assert heard(parser(), turn) == heard(parser(), [turn])


ONE_OF_EACH = {
    "JSON object": "Qwen-Qwen3-0.6B",
    "JSON, name as key": "Apertus-8B-Instruct",
    "name, then JSON": "openai-gpt-oss-120b",
    "tags": "Qwen3-Coder",
    "tags, nested": "MiniMax-M3",
    "Python call": "LFM2.5-8B-A1B",
    "bare keys": "google-gemma-4-31B-it",
}


def test_one_of_each_encoding_is_tried() -> None:
    found = {report.encoding(one.learned.form.calls) for one in report.findings() if one.calls}

    assert found == set(ONE_OF_EACH)


@settings(max_examples=25)
@given(
    name=st.sampled_from(sorted(ONE_OF_EACH.values())),
    text=st.text(st.characters(exclude_characters="<>[]|'\"{}\\\r", exclude_categories=["Cs"])),
    count=st.integers(-(10**9), 10**9),
    flag=st.booleans(),
    rows=st.lists(st.text("abc xyzé"), max_size=3),
)
def test_arguments_come_back_as_they_were(
    name: str, text: str, count: int, flag: bool, rows: list[str]
) -> None:
    path = sdist.models() / "templates" / f"{name}.jinja"
    one = report.finding(path)
    given_: dict[str, object] = {"arg_beta": text.strip(), "arg_count": count, "arg_flag": flag}
    given_["arg_rows"] = [row.strip() for row in rows]
    turn = _turn(path, (Call(given_),))

    parser = OutputParser(one.learned.form, PROBE_TOOLS, str)

    assert ("fn_alpha", given_) in plain(heard(parser, [turn]))


@settings(max_examples=150)
@given(name=st.sampled_from(sorted(ONE_OF_EACH.values())), data=st.data())
def test_nonsense_is_heard_alike_however_it_is_cut(name: str, data: st.DataObject) -> None:
    form = report.finding(sdist.models() / "templates" / f"{name}.jinja").learned.form
    signs = [*form.literals(has_calls=True), "fn_alpha", "arg_beta", '"name"', '"fn_alpha"', ":"]
    signs += ["{", "}", "[", "]", "(", ")", "'", '"', ",", "=", "<", " ", "\n", "x", "42", "é"]
    text = "".join(data.draw(st.lists(st.sampled_from(sorted(set(signs))), max_size=14)))
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))

    def parser() -> OutputParser:
        return OutputParser(form, PROBE_TOOLS, str)

    pieces = [text[a:b] for a, b in pairwise([0, *places, len(text)])]
    assert heard(parser(), pieces) == heard(parser(), [text])


def test_a_bracket_that_is_never_closed_ends_a_call() -> None:
    path = sdist.models() / "templates" / "google-gemma-4-31B-it.jinja"
    parser = OutputParser(report.finding(path).learned.form, PROBE_TOOLS, str)

    parts = heard(parser, ["<|tool_call>call:fn_alpha{a:[}<tool_call|>"])

    assert parser.has_calls
    assert parts[-1] == Said(text="}<tool_call|>")


def _turn(path: Path, calls: tuple[Call, ...]) -> str:
    """What the model would have written for a turn with these calls."""
    one = report.finding(path)
    reasoning = "Hm." if one.learned.begins_with_reasoning else None
    turn = one.probe.turn(calls=calls, reasoning=reasoning)
    assert turn is not None
    return one.learned.answer_in(turn)
