"""What the tests say to a toy model, which answers with it."""

CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
"""A tool call as the toy's template writes it."""

THOUGHT = "<think>\nlet me see\n</think>\n\n42"
"""Reasoning, then the answer."""


def say(text: str) -> list[dict[str, str]]:
    """A conversation of one message."""
    return [{"role": "user", "content": text}]
