"""Drawing: templates into HTML. Every value is escaped; a name that is missing is an error.

The templates are ours and lie in assets/dashboard/templates; no user can write one.
"""

import hashlib
import time
from collections.abc import Mapping
from functools import cache
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from app.core.member.credits import credits_text
from app.core.sharing.words import told_words
from app.core.state.view import duration, size
from app.server.web.dashboard.static_files import DASHBOARD, address
from app.settings.assets import assets_folder

_NONE: Final = "unknown"
_CODE: Final = Markup("<code>{}</code>")


def draw(template: str, context: Mapping[str, object]) -> str:
    """The template with these values."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(assets_folder() / DASHBOARD / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["static"] = address
    environment.filters.update(
        size=size,
        duration=duration,
        count=count,
        milliseconds=milliseconds,
        moment=moment,
        percent=percent,
        billions=billions,
        sentence=sentence,
        prose=prose,
        told=told_words,
        credits=credits_text,
    )
    return environment


@cache
def templates_version() -> str:
    """Another one with any change of a template."""
    digest = hashlib.sha256()
    folder = assets_folder() / DASHBOARD / "templates"
    for path in sorted(folder.rglob("*.html")):
        content = path.read_bytes()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def count(value: int) -> str:
    """A number with narrow spaces between its thousands."""
    return f"{value:,}".replace(",", "\u202f")


def milliseconds(value: float) -> str:
    """A length of time as short as it can be told: 12 ms, 1.2 s, 3 min 10 s."""
    if value < 1000:
        return f"{value:.0f} ms"
    seconds = value / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def moment(seconds: float | None) -> str:
    """A time in ISO 8601, UTC; the page's script shows it in the reader's own zone."""
    if seconds is None:
        return _NONE
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def percent(part: float, whole: float) -> float:
    """A share from 0 to 100, 0 of nothing."""
    return min(100.0, max(0.0, 100 * part / whole)) if whole > 0 else 0.0


def billions(parameters: int) -> str:
    """A model's parameters as people say them: 8.2 billion parameters."""
    if parameters >= 999.5e6:
        return f"{parameters / 1e9:.3g} billion parameters"
    return f"{parameters / 1e6:.3g} million parameters"


def sentence(words: str) -> str:
    """Words with a capital at their beginning and nowhere else than before."""
    return words[:1].upper() + words[1:]


def prose(words: str) -> Markup:
    """Words that every face shows; what they have between backticks is code on a page."""
    parts = words.split("`")
    return Markup().join(
        _CODE.format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )
