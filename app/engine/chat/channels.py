"""Channels: headers of the messages within one turn, which say whom each message is for."""

import enum
import re
from typing import Final, final

from app.engine.chat.form import ChannelForm
from app.engine.chat.source import Literal, Source, Steps

HEADER_CHARACTERS_MAX: Final = 512


class Header(enum.Enum):
    """What the message after a header is."""

    CONTENT = "content"
    REASONING = "reasoning"
    CALL = "call"


@final
class HeaderReader:
    """Reads headers of one turn."""

    def __init__(self, form: ChannelForm, source: Source) -> None:
        self._form = form
        self._source = source
        headers = [form.content_header.strip(), form.reasoning_header.strip()]
        shared = _shared_beginning(*headers)
        beginnings = [shared, form.recipient.strip()] if shared else [*headers, form.recipient]
        self._beginnings = [Literal(text) for text in beginnings if text.strip()]
        self._between = [Literal(text) for text in (form.start, *form.ends) if text.strip()]
        self._recipient = (
            re.compile(re.escape(form.recipient.strip()) + r"([^\s<>|]+)")
            if form.recipient
            else None
        )

    def read(self) -> Steps[tuple[Header, str]]:
        """Past a header: its kind, and the function's name if it is a call.

        What does not begin like a header is content without one. Raises: Ended.
        """
        source = self._source
        yield from self._past_the_last()
        while any(source.place_after(literal) != -1 for literal in self._beginnings):
            place = source.text.find(self._form.header_end, source.at)
            length = (place if place >= 0 else len(source.text)) - source.at
            if length > HEADER_CHARACTERS_MAX or (place < 0 and source.has_ended):
                break
            if place >= 0:
                header = source.text[source.at : place]
                source.at = place + len(self._form.header_end)
                return self._kind(header)
            yield from source.wait()
        return Header.CONTENT, ""

    def _past_the_last(self) -> Steps[None]:
        """Past the end of the message before, and the literal that starts one."""
        found = True
        while found:
            yield from self._source.skip_space()
            found = False
            for literal in self._between:
                found = found or (yield from self._source.take_if(literal))

    def _kind(self, header: str) -> tuple[Header, str]:
        named = self._recipient.search(header) if self._recipient else None
        if named:
            return Header.CALL, named.group(1)
        if self._form.reasoning_header.strip() in header:
            return Header.REASONING, ""
        return Header.CONTENT, ""


def _shared_beginning(one: str, other: str) -> str:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return one[:count]
