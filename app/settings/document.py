"""docs/settings.md, drawn from the schema.

`python -m app.settings.document > docs/settings.md` writes it, and a test compares.
"""

import sys
import typing
from typing import Final

from app.core.state.view import size
from app.settings.fields import FIELDS, SECTIONS, Field
from app.settings.live import LIVE_SECTIONS
from app.settings.save import toml_of
from app.settings.schema import Settings

_HEAD: Final = """\
# Settings

*Drawn from `app/settings/schema.py` by `python -m app.settings.document > docs/settings.md`;
a test compares the two.*

Settings come from one TOML file, the environment and the command line. The environment wins over
the file, and a flag wins over both. `athanor settings path` names the file (`config.toml` in the
configuration folder of your system, or in `ATHANOR_HOME` where that is set), `athanor settings
show` lists what is in force and where each value comes from, and `athanor settings set
server.port 8000` writes one value and leaves the rest of the file as it is.

```toml
[server]
port = 8000

[engine]
context = 16384
```

A wrong value, or a name that does not exist, is refused with the file, the line and what is
allowed. Changes by the dashboard or by `athanor settings set` in the sections
{live} hold at once; all other changes hold when the server
starts again, and both say so.

In the environment and in flags a list is separated by commas, a switch is `true` or `false`
(`yes`, `no`, `on`, `off`, `1`, `0` too), and an empty variable counts as not set. Sizes are bytes,
or a number with `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024) or `kB`, `MB`, `GB`, `TB` (of 1000);
in the file such a size stands in quotation marks.

Three variables are not settings: `ATHANOR_HOME` puts all of Athanor's files into one folder,
`ATHANOR_DEBUG=1` shows tracebacks, and `ATHANOR_ASSETS` names another folder for what comes with
the program, such as the demonstration model.
"""


def settings_document() -> str:
    """The whole page, in Markdown."""
    sections = typing.get_type_hints(Settings)
    live = ", ".join(f"`[{section}]`" for section in LIVE_SECTIONS)
    pages = [_HEAD.replace("{live}", live)]
    for section in SECTIONS:
        pages.append(f"\n## [{section}]\n\n{sections[section].__doc__}\n")
        pages.extend(_entry(field) for field in FIELDS.values() if field.section == section)
    return "".join(pages)


def _entry(field: Field) -> str:
    unit = f" {field.unit}" if field.unit and field.unit != "bytes" else ""
    default = f"`{toml_of(field.default)}`{unit}"
    if field.unit == "bytes":
        default += f" ({size(int(str(field.default)))})"
    return (
        f"\n### `{field.path}`\n\n{field.sentence}\n\n"
        f"- default: {default}\n"
        f"- allowed: {field.allowed}\n"
        f"- environment: `{field.variable}`, flag: `{field.flag}`\n"
    )


if __name__ == "__main__":
    sys.stdout.write(settings_document())
