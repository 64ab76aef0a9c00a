"""Call: how the parts of the client ask, each of which knows the routes of one subject."""

from typing import Protocol, TypeVar

import msgspec

T = TypeVar("T")


class Call(Protocol):
    """One request and its typed answer (Client says more)."""

    def __call__(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: msgspec.Struct | None = None,
        *,
        is_patient: bool = False,
    ) -> T:
        """Raises: an error of client/errors. `is_patient`: the answer may take long."""
