"""Report: what is learned of every template of the archive, as docs/templates.md tells it.

`python -m tests.engine.chat.report` writes the tables anew; a test compares.
"""

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.engine.chat.form import (
    BareArguments,
    CallForm,
    JsonArguments,
    JsonForm,
    PythonArguments,
    TaggedArguments,
)
from app.engine.chat.learn import (
    MANY_TYPES,
    ONE_TEXT,
    TWO_CALLS,
    Learned,
    learn,
    reads_back,
)
from app.engine.chat.probe import CONTENT, REASON, Call, Probe
from app.engine.chat.template import ChatTemplate
from tests import sdist

PAGE = Path(__file__).resolve().parents[3] / "docs" / "templates.md"
BEGIN, END = "<!-- learned: begin -->", "<!-- learned: end -->"


@dataclass(frozen=True)
class Finding:
    """What is learned of one template, and which of its own turns are read back."""

    name: str
    probe: Probe
    learned: Learned
    calls: bool
    """One call, a call without arguments, and arguments of all JSON types."""
    two_calls: bool
    reasoning: bool
    """Reasoning before words or before a call, as the template itself writes it."""


@cache
def finding(path: Path) -> Finding:
    """What is learned of the template at `path`, tried anew."""
    probe = Probe(ChatTemplate(path.read_text()), bos="<BOS>", eos="<EOS>")
    learned = learn(probe)
    assert learned is not None, path.name
    calls = learned.form.calls
    tried = (ONE_TEXT, (Call({}),), MANY_TYPES)
    return Finding(
        path.stem,
        probe,
        learned,
        calls=calls is not None and all(reads_back(probe, learned, calls=c) for c in tried),
        two_calls=calls is not None and reads_back(probe, learned, calls=TWO_CALLS),
        reasoning=learned.writes_reasoning
        and (
            reads_back(probe, learned, content=CONTENT, reasoning=REASON)
            or reads_back(probe, learned, calls=ONE_TEXT, reasoning=REASON)
        ),
    )


def findings() -> list[Finding]:
    """All templates, by name."""
    return [finding(path) for path in sdist.templates()]


def encoding(calls: CallForm | None) -> str:
    """The kind of encoding, in the words of the page."""
    if calls is None:
        return "none: general form"
    if isinstance(calls.body, JsonForm):
        return "JSON, name as key" if calls.body.is_keyed else "JSON object"
    match calls.body.arguments:
        case JsonArguments():
            return "name, then JSON"
        case TaggedArguments(element=element):
            return "tags, nested" if element else "tags"
        case PythonArguments():
            return "Python call"
        case BareArguments():
            return "bare keys"


def _code(text: str) -> str:
    shown = text.strip().replace("\n", "\\n").replace("|", "\\|").replace("\0", "NAME")
    return f"`` {shown} ``" if shown else ""


def _row(one: Finding) -> str:
    form = one.learned.form
    calls = form.calls
    reasoning = form.reasoning
    thinks = f"{_code(reasoning.open)} {_code(reasoning.close)}".strip() if reasoning else "no"
    if reasoning and not one.learned.writes_reasoning:
        thinks += " (not written)"
    return (
        f"| {one.name} | {encoding(calls)} | {_code(calls.opener) if calls else ''} "
        f"| {'yes' if calls and calls.is_parallel else 'no'} | {thinks} |"
    )


def tables() -> str:
    """The part of the page that is drawn from the templates."""
    all_ = findings()
    native = [one for one in all_ if one.calls]
    thinking = [one for one in all_ if one.learned.form.reasoning]
    written = [one for one in thinking if one.learned.writes_reasoning]
    general = ", ".join(one.name for one in all_ if one.learned.form.calls is None)
    single = ", ".join(one.name for one in native if not one.two_calls)
    unwritten = ", ".join(one.name for one in thinking if not one.learned.writes_reasoning)
    lines = [
        f"- Templates: {len(all_)}. All are rendered, and an assistant's turn is found in all.",
        f"- A call written by the template is read back: {len(native)}. The other "
        f"{len(all_) - len(native)} write no calls at all and get the general form: {general}.",
        f"- Two calls in one turn are read back: {sum(one.two_calls for one in native)}. "
        f"These write one call only, or refuse two: {single}.",
        f"- Reasoning has markers: {len(thinking)}. Reasoning written by the template is read "
        f"back: {sum(one.reasoning for one in written)} of {len(written)} that write any.",
        "- These show their markers only by how the prompt ends, by what they cut from earlier "
        f"turns or in their instructions; there is nothing to read back: {unwritten}.",
        "",
        "| template | calls | opened by | several | reasoning |",
        "|---|---|---|---|---|",
        *map(_row, all_),
    ]
    return "\n".join(lines)


def page() -> str:
    """The whole page with the tables as they are now."""
    text = PAGE.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE} is written\n")
