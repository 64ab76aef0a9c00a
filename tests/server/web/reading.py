"""Reading a stream as clients do: events apart by empty lines, comments skipped."""

from typing import Any

import httpx
import msgspec

from app.wire.openai.chat_answer import ChatChunk

# Inside the events tests look freely, as a client without types would.
Event = Any


def data_of(response: httpx.Response) -> list[str]:
    """What stands after `data: ` in each event."""
    blocks = response.text.split("\n\n")
    assert blocks[-1] == "", "the last event ends with an empty line"
    lines = [line for block in blocks for line in block.split("\n")]
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


def events_of(response: httpx.Response) -> list[Event]:
    """The events; the end is the text [DONE]."""
    return [each if each == "[DONE]" else msgspec.json.decode(each) for each in data_of(response)]


def chunks_of(response: httpx.Response) -> list[ChatChunk]:
    """The events by the wire's Struct, without the end, which must be there."""
    *chunks, end = data_of(response)
    assert end == "[DONE]"
    return [msgspec.json.decode(each, type=ChatChunk) for each in chunks]
