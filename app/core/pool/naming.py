"""Naming: what people may call accounts, projects, keys and machines."""

from typing import Final

from app.core.base.errors import RequestError

NAME_LENGTH_MAX: Final = 100


def named(text: str, field: str = "name") -> str:
    """The name without blanks at its ends. Raises: RequestError for an empty or unprintable one."""
    text = text.strip()
    if not 1 <= len(text) <= NAME_LENGTH_MAX or not text.isprintable():
        raise RequestError(
            f"{field}: needs 1 to {NAME_LENGTH_MAX} printable characters", field=field
        )
    return text
