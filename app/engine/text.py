"""Text from tokens as they come: UTF-8 is never split, stop strings never leak."""

import codecs
from collections.abc import Sequence
from typing import final


@final
class Utf8:
    """Bytes to text; an unfinished character waits for its rest, a wrong byte becomes U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, data: bytes) -> str:
        """The characters that `data` completes."""
        return self._decoder.decode(data)

    def finish(self) -> str:
        """What waits at the end, replaced since it never came to be whole."""
        return self._decoder.decode(b"", final=True)


@final
class StopScanner:
    """Passes text on until one of the stop strings occurs; holds back what may become one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.hit: str | None = None
        """The stop string that was found; after it nothing passes."""

    def feed(self, text: str) -> str:
        """The part of the text so far that can be shown."""
        if not self._stops:
            return text
        if self.hit is not None:
            return ""
        text = self._held + text
        found = [(at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            at, self.hit = min(found, key=lambda pair: (pair[0], -len(pair[1])))
            self._held = ""
            return text[:at]
        cut = len(text) - self._overlap(text)
        self._held = text[cut:]
        return text[:cut]

    def finish(self) -> str:
        """What was held back, now that no stop string can come of it."""
        text, self._held = self._held, ""
        return "" if self.hit is not None else text

    def _overlap(self, text: str) -> int:
        """The longest end of `text` with which a stop string begins."""
        longest = 0
        for stop in self._stops:
            for size in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:size]):
                    longest = size
                    break
        return longest
