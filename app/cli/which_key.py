"""Which key is meant: by its id, by what it is shown as, or by a name that one live key has."""

from collections.abc import Collection, Iterable

from app.cli.exit_codes import NotFound


def id_of_key(
    said: str, known: Iterable[tuple[str, Collection[str], bool]], *, listing: str
) -> str:
    """The id of the one key that is meant.

    `known` are names, exact spellings with the id first, and whether the key still opens anything;
    `listing` is the command that shows the ids. Raises: NotFound.
    """
    named = []
    for name, spellings, is_live in known:
        if said in spellings:
            return next(iter(spellings))
        if name == said and is_live:
            named.append(next(iter(spellings)))
    if len(named) == 1:
        return named[0]
    problem = "several keys have the name" if named else "there is no key in force called"
    raise NotFound(f"{problem} {said}", remedy=f"`{listing}` shows the ids.")
