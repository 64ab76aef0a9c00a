"""Invalid: the error for one wrong field, in words that stand alone.

Applications show `error.message` verbatim and few show `param`, so the message begins with the
field's path.
"""

from app.core.base.errors import Fault, RequestError


def invalid(field: str, reason: str, *, fault: Fault | None = None) -> RequestError:
    """A RequestError that names `field`, to be raised."""
    return RequestError(f"{field}: {reason}", field=field, fault=fault)
