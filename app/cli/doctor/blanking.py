"""Blanking: lines for a support file, of which only what is known to be harmless is left. Pure.

What stays: the time, the level and the logger of a line of the log, numbers, words that stand in
the program itself (vocabulary.py), the method and the route of a request, which is a template
without anybody's words, and what drivers call the hardware. Everything else (names of models,
folders, machines and people, addresses, keys, whatever nobody thought of) becomes a mark. Equal
texts get equal marks within one file, so that a reader can still follow one model through a log.
"""

import re
from collections.abc import Iterable, Set
from typing import Final, final

_STAMP: Final = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) (\w+) (\S+) (.*)$")
_LEVELS: Final = frozenset({"debug", "info", "warning", "error", "critical"})
_CHUNK: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\S+")
_FRAME: Final = re.compile(r'^\s*File ".*[/\\](app[/\\][\w./\\]+\.py)", line (\d+), in (\w+)$')
_FIELD: Final = re.compile(r"^([a-z_]{1,30})=(.*)$", re.DOTALL)
_NUMBER: Final = re.compile(r"^[-+]?\d{1,12}(?:\.\d{1,6})?(?:%|[a-zA-Z]{1,4})?$")
_VERSION: Final = re.compile(r"^v?\d{1,4}\.\d{1,4}\.\d{1,6}$")
_EDGES: Final = "\"'`([{<,;:!?)]}>.%"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ROUTE: Final = re.compile(r"(?:/|(?:/[a-z0-9_.:{}-]+)+)")
_OF_ROUTES: Final = re.compile(r"v\d")
_PRIVATE_USE: Final = 0xE000
"""Letters of nobody's from here on stand for names of hardware while a text is taken apart."""
_HARDWARE_MAX: Final = 100
_SPOKEN: Final = frozenset(
    {
        *("because", "by", "code", "ending", "error", "frame", "kind", "next", "outcome", "phase"),
        *("place", "reason", "reasons", "requests", "rung", "settings", "status", "trouble", "why"),
    }
)
"""Fields whose value is a sentence or a word of ours; any other's text is somebody's name."""
_WORD_PARTS: Final = re.compile(r"[-_./:]")


@final
class Blanking:
    """One support file's; `vocabulary` are the program's own words in lower case.

    `hardware` are names that drivers and the system gave.
    """

    def __init__(self, vocabulary: Set[str], hardware: Iterable[str] = ()) -> None:
        self._vocabulary = vocabulary
        self._marks: dict[str, str] = {}
        names = sorted({name for name in hardware if name.strip()}, key=len, reverse=True)
        self._letters = {
            name: chr(_PRIVATE_USE + place) for place, name in enumerate(names[:_HARDWARE_MAX])
        }
        self._names = {letter: name for name, letter in self._letters.items()}
        words = "|".join(re.escape(name) for name in self._letters)
        self._hardware = re.compile(rf"(?<![\w./\\-])(?:{words})(?![\w/\\-])") if words else None

    def line(self, line: str) -> str:
        """A line of a log, or one of a traceback below it."""
        if (stamped := _STAMP.match(line)) is not None:
            stamp, level, logger, rest = stamped.groups()
            level = level if level in _LEVELS else self._mark(level)
            return f"{stamp} {level} {self._logger(logger)} {self.text(rest)}"
        if (frame := _FRAME.match(line)) is not None:
            file, number, function = frame.groups()
            # A folder of the owner's may be called app too.
            is_ours = all(self._is_ours(part) for part in re.split(r"[/\\]", file[: -len(".py")]))
            shown = file if is_ours else self._mark(file)
            return f'  File "{shown}", line {number}, in {self._word(function)}'
        return self.text(line)

    def text(self, text: str) -> str:
        """A sentence with fields."""
        if self._hardware is not None:
            # One letter, so that whatever stands around a name's words is taken apart without it.
            text = self._hardware.sub(lambda found: self._letters[found[0]], text)
        # Quotation marks hold a value together: it is one name, or one sentence.
        shown = " ".join(self._chunk(chunk) for chunk in _joined(text))
        return "".join(self._names.get(letter, letter) for letter in shown)

    def mark(self, text: str) -> str:
        """The mark of a name, the same for the same name."""
        return self._mark(text)

    def _chunk(self, chunk: str) -> str:
        if (field := _FIELD.match(chunk)) is not None and self._is_ours(field[1]):
            name, value = field.groups()
            bare = value.strip("\"'")
            if _is_number(bare) or bare in {"True", "False", "None"} or bare in self._names:
                return f"{name}={bare}"
            if (name == "method" and bare in _METHODS) or (name == "route" and self._routes(bare)):
                return f"{name}={bare}"
            if name in _SPOKEN:
                return f"{name}={' '.join(self._word(each) for each in bare.split())!r}"
            return f"{name}={self._mark(bare)}"
        if chunk[:1] in "\"'" and " " in chunk:
            return " ".join(self._word(each) for each in chunk.split())
        return self._word(chunk)

    def _word(self, word: str) -> str:
        bare = word.strip(_EDGES)
        if not bare:
            return word if len(word) <= 3 and word.isascii() else self._mark(word)
        start = word.index(bare)
        before, after = word[:start], word[start + len(bare) :]
        return f"{before}{bare if self._is_ours(bare) else self._mark(bare)}{after}"

    def _routes(self, text: str) -> bool:
        """Whether it is a template of the program's own words."""
        parts = [part for part in re.split(r"[/{}:._-]", text) if part]
        known = all(part in self._vocabulary or _OF_ROUTES.fullmatch(part) for part in parts)
        return _ROUTE.fullmatch(text) is not None and known

    def _is_ours(self, word: str) -> bool:
        if _is_number(word) or _VERSION.match(word) or word in self._names:
            return True
        # A publisher's keys: the word before it is asked for.
        word = word.removesuffix("'s")
        if "/" in word or "\\" in word:
            return False
        parts = [part for part in _WORD_PARTS.split(word) if part]
        return bool(parts) and all(part.lower() in self._vocabulary for part in parts)

    def _logger(self, name: str) -> str:
        return name if self._is_ours(name) else self._mark(name)

    def _mark(self, text: str) -> str:
        return self._marks.setdefault(text, f"<{len(self._marks) + 1}>")


def _is_number(text: str) -> bool:
    return _NUMBER.match(text) is not None


def _joined(text: str) -> list[str]:
    """Chunks between blanks; what `name='a b'` holds in quotation marks stays with its name."""
    chunks: list[str] = []
    for found in _CHUNK.findall(text):
        if chunks and _FIELD.match(chunks[-1]) and _is_open(chunks[-1]):
            chunks[-1] += f" {found}"
        else:
            chunks.append(found)
    return chunks


def _is_open(chunk: str) -> bool:
    value = chunk.partition("=")[2]
    quote = value[:1]
    return quote in {"'", '"'} and (len(value) == 1 or value[-1] != quote)
