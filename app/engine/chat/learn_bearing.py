"""Learn bearing: what a template bears of a conversation, found by trying."""

from app.engine.chat.learn import Learned
from app.engine.chat.messages import Bearing
from app.engine.chat.probe import CONTENT, FUNCTION, IDS, RESULT, SYSTEM, USER, Message, Probe

LONG_ID = "call_0123456789abcdef01234567"


def learn_bearing(probe: Probe, learned: Learned) -> Bearing:
    """What the probe's template bears."""
    has_calls = learned.form.calls is not None
    return Bearing(
        style=learned.style,
        has_system=_shows(probe, [_said("system", SYSTEM), _said("user", USER)], SYSTEM),
        has_calls=has_calls,
        has_results=_shows(probe, _with_result(probe, IDS[0], has_calls=has_calls), RESULT),
        has_short_ids=has_calls
        and not _shows(probe, _with_result(probe, LONG_ID, has_calls=True), RESULT)
        and _shows(probe, _with_result(probe, IDS[0], has_calls=True), RESULT),
    )


def _said(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def _with_result(probe: Probe, call_id: str, *, has_calls: bool) -> list[Message]:
    """A conversation that has the result of a call."""
    said = probe.calling(call_id) if has_calls else _said("assistant", CONTENT)
    result: Message = {"role": "tool", "content": RESULT, "tool_call_id": call_id, "name": FUNCTION}
    return [_said("user", USER), said, result]


def _shows(probe: Probe, messages: list[Message], words: str) -> bool:
    """Whether the template renders the messages, these words among them."""
    text = probe.render(messages, has_prompt=True)
    if text is None:
        text = probe.render(messages, has_tools=False, has_prompt=True)
    return text is not None and words in text
