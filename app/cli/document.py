"""docs/cli.md, drawn from the commands and the Structs that they print.

`python -m app.cli.document > docs/cli.md` writes it, and a test compares.
"""

import ast
import inspect
import itertools
import sys
import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Final, Literal

import click
import msgspec

from app.cli.command import Command, Shape
from app.cli.exit_codes import MEANINGS
from app.cli.main import root
from app.settings.fields import FIELDS
from app.wire.local import NodeEvent
from app.wire.pool_admin import RequestList
from app.wire.remote import CataloguePicture, RemoteModel

_HEAD: Final = """\
# Command line

*Drawn from `app/cli/` by `python -m app.cli.document > docs/cli.md`; a test compares the two.*

Results go to stdout, everything else (progress, notes, errors) to stderr. In a pipe there is no
colour, no box and no cut line, and all text is UTF-8, in and out; `NO_COLOR` takes the colour from
a terminal too. An error is one sentence with what to do about it; `ATHANOR_DEBUG=1` shows the
traceback instead.

With `--json` stdout holds JSON alone, in the [shapes](#json-shapes) below. Fields may be added to
them; none is renamed or removed without a line in CHANGELOG.md. An error is then
`{"error": {"kind": ..., "message": ..., "remedy": ...}}`.

## Exit codes

| code | meaning |
|---|---|
"""

_EVERYWHERE: Final = frozenset({"help", "is_json"})
_WORDS: Final[dict[object, str]] = {
    bytes: "bytes in base64",
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    type(None): "null",
    dict: "object",
    object: "anything",
}


def cli_document() -> str:
    """The whole page, in Markdown."""
    shapes: dict[str, Shape] = {}
    lines = [_HEAD]
    lines += [f"| {code.value} | {meaning} |\n" for code, meaning in MEANINGS.items()]
    context = click.Context(root, info_name="athanor")
    for path, command in commands(root, context):
        lines += _command(path, command, shapes)
    for besides in (NodeEvent, CataloguePicture, RemoteModel, RequestList):
        _collect(besides, shapes)
    lines.append("\n## JSON shapes\n")
    for name in sorted(shapes):
        lines += _shape(shapes[name])
    return "".join(lines)


def commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, Command]]:
    """Every command with its whole path, such as `athanor keys add`."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from commands(command, inner)
        else:
            assert isinstance(command, Command), name
            yield inner.command_path, command


def _command(path: str, command: Command, shapes: dict[str, Shape]) -> Iterator[str]:
    arguments = [_argument(p) for p in command.params if isinstance(p, click.Argument)]
    yield f"\n## {path}\n\n`{' '.join([path, *arguments])}`\n\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    own = [o for o in options if o.name not in _EVERYWHERE | _SETTINGS]
    if own:
        yield "\n" + "".join(_option(option) for option in own)
    settings = [f"`{o.opts[0]}`" for o in options if o.name in _SETTINGS]
    if settings:
        yield f"\nFlags that are [settings](settings.md): {', '.join(settings)}.\n"
    if command.answer is not None:
        _collect(command.answer, shapes)
        yield f"\n`--json` prints {_link(command.answer)}.\n"
    examples = "\n".join(f"# {what}\n{line}" for what, line in command.examples)
    yield f"\n```sh\n{examples}\n```\n"


_SETTINGS: Final = frozenset(field.name for field in FIELDS.values())


def _argument(argument: click.Argument) -> str:
    name = argument.make_metavar(click.Context(click.Command("x")))
    return name


def _option(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.metavar or (option.name or '').upper()}"
    default = f" Default: {option.default}." if option.show_default else ""
    return f"- `{option.opts[0]}{value}`: {option.help}{default}\n"


def _shape(shape: Shape) -> Iterator[str]:
    summary = inspect.cleandoc(shape.__doc__ or "").replace("\n", " ")
    yield f"\n### {shape.__name__}\n\n{summary}\n\n"
    hints, sentences = typing.get_type_hints(shape), sentences_of(shape)
    for field in msgspec.structs.fields(shape):
        sentence = f". {sentences[field.name]}" if field.name in sentences else ""
        yield f"- `{field.encode_name}`: {_type(hints[field.name])}{sentence}\n"


def sentences_of(shape: Shape) -> dict[str, str]:
    """What stands below each field in the source, the fields of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(shape.__mro__):
        if base.__module__.partition(".")[0] != "app":
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef)
        for above, below in itertools.pairwise(definition.body):
            if (
                isinstance(above, ast.AnnAssign)
                and isinstance(above.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                found[above.target.id] = " ".join(str(below.value.value).split())
    return found


def _collect(annotation: object, shapes: dict[str, Shape]) -> None:
    """All Structs that the annotation is made of, by name."""
    if _is_shape(annotation) and annotation.__name__ not in shapes:
        shapes[annotation.__name__] = annotation
        for hint in typing.get_type_hints(annotation).values():
            _collect(hint, shapes)
    for inner in typing.get_args(annotation):
        _collect(inner, shapes)


def _type(annotation: object) -> str:
    """A type in words: "list of text"."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return "one of " + ", ".join(f'"{word}"' for word in arguments)
    if origin in (typing.Union, types.UnionType):
        words = [_type(a) for a in arguments if a is not msgspec.UnsetType]
        absent = "; may be absent" if msgspec.UnsetType in arguments else ""
        return " or ".join(dict.fromkeys(words)) + absent
    if origin in (tuple, list):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"object of {_type(arguments[1])}"
    if _is_shape(annotation):
        return _link(annotation)
    return _WORDS[annotation]


def _is_shape(annotation: object) -> typing.TypeGuard[Shape]:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def _link(shape: Shape) -> str:
    return f"[{shape.__name__}](#{shape.__name__.lower()})"


if __name__ == "__main__":
    sys.stdout.write(cli_document())
