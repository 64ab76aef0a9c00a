"""PreparedChat: a prompt, and how the answer to it is held and read."""

import hashlib
import itertools
import json
from typing import Final, final

from app.engine.chat.form import TurnForm
from app.engine.chat.grammar import TurnGrammar
from app.engine.chat.lark import ControlToken, Lark
from app.engine.chat.literals import markers
from app.engine.chat.parser import OutputParser
from app.engine.chat.schema import check
from app.engine.chat.tools import ToolUse
from app.engine.constrain import grammar_of, lark_of
from app.wire.engine import OutputForm, OutputGrammar, OutputJson, OutputRegex, OutputSchema

ID_DIGITS: Final = 24


@final
class PreparedChat:
    """One conversation, ready to be answered any number of times.

    `text` is the prompt, `form` how the answer's turn is written. `grammar` is llguidance's, None
    where nothing holds the answer. `markers` are texts that may be control tokens and must reach
    the parser as text.
    """

    def __init__(
        self,
        text: str,
        form: TurnForm,
        use: ToolUse,
        output: OutputForm | None,
        *,
        seen: str,
        control_token: ControlToken,
    ) -> None:
        self.text = text
        self.form = form
        self._use = use
        self._count = itertools.count()
        # a turn with calls in it is an earlier one, which this one goes on from
        self._seen = "" if self._parser(seen).has_calls else seen
        self.grammar = self._grammar(output, control_token)
        self.markers = _markers(form, control_token, has_calls=bool(use.tools))

    def new_parser(self) -> OutputParser:
        """A parser for one answer. Ids of calls differ from answer to answer, and repeat with
        the request.
        """
        return self._parser(self._seen)

    def _parser(self, seen: str) -> OutputParser:
        number = next(self._count)

        def call_id(index: int) -> str:
            source = f"{number}.{index}.{self.text}".encode(errors="surrogatepass")
            return "call_" + hashlib.sha256(source).hexdigest()[:ID_DIGITS]

        return OutputParser(self.form, self._use, call_id, seen)

    def _grammar(self, output: OutputForm | None, control_token: ControlToken) -> str | None:
        form = self.form
        if not self._use.tools:
            if output is None:
                return None
            if form.reasoning is None and form.channels is None and not form.content_open:
                return grammar_of(output)
        parser = self._parser(self._seen)
        writer = TurnGrammar(
            form,
            self._use,
            seen=self._seen,
            in_reasoning=parser.in_reasoning,
            control_token=control_token,
        )
        answer = None if output is None else _expression(writer.lark, output)
        grammar = writer.write(answer)
        if not isinstance(output, OutputGrammar):
            return grammar
        parts = [
            {"lark_grammar": grammar},
            {"name": "answer", "lark_grammar": lark_of(output.text)},
        ]
        return json.dumps({"grammars": parts})


def _expression(lark: Lark, output: OutputForm) -> str:
    """The expression for an answer of this form.

    Raises: InvalidGrammar.
    """
    match output:
        case OutputJson():
            return lark.json({"type": "object"}, is_lenient=False)
        case OutputSchema(schema=schema):
            check(schema, field="response_format")
            return lark.json(schema, is_lenient=False)
        case OutputRegex():
            written = json.loads(grammar_of(output))["grammars"][0]["lark_grammar"]
            return lark.rule(str(written).removeprefix("start: "))
        case OutputGrammar():
            return "@answer"


def _markers(form: TurnForm, control_token: ControlToken, *, has_calls: bool) -> tuple[str, ...]:
    """The texts in the form's literals that look like markers or are control tokens."""
    literals = list(form.literals(has_calls=has_calls))
    lark = Lark(control_token)
    found = dict.fromkeys(marker for literal in literals for marker in markers(literal))
    found |= dict.fromkeys(token for literal in literals for token in lark.control_texts(literal))
    return tuple(found)
