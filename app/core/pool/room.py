"""Room: what one message carries through the pool, asked before anything is reserved or computed.

Requests and answers are passed on whole. Vectors could go in parts, but no side may have more than
16 MiB on its way (channel.Limits), and the vectors of the most inputs that the API takes are more.
"""

from typing import Final

from app.core.base.errors import TooLarge
from app.core.pool.envelope import size_of
from app.core.pool.tables import PASSED_ON_BYTES_MAX
from app.wire.engine import Embed, Generate
from app.wire.pool import Ask

_NUMBER_BYTES: Final = 4
_HEAD_BYTES: Final = 5
"""Of a vector on the wire, at most."""
_AROUND_BYTES: Final = 4096
"""For what goes with the vectors: names, a seal, a checkpoint."""


def check_request(request: Ask | Generate | Embed, *, vector_length: int = 0) -> None:
    """Raises: TooLarge where the request has no room, or the vectors that it asks for have none.

    `vector_length`: how many numbers the model's vectors have, 0 where that is not known.
    """
    size = size_of(request)
    if size > PASSED_ON_BYTES_MAX:
        raise TooLarge(
            f"the request has {size:,} bytes, and a pool passes on at most {PASSED_ON_BYTES_MAX:,}",
            remedy="Send less at once: shorter texts, fewer inputs, or smaller pictures.",
        )
    if isinstance(request, Embed):
        numbers = min(vector_length, request.dimensions or vector_length)
        room = PASSED_ON_BYTES_MAX - _AROUND_BYTES
        inputs, most = len(request.inputs), room // (numbers * _NUMBER_BYTES + _HEAD_BYTES)
        if inputs > most:
            raise TooLarge(
                f"a pool passes on the vectors of at most {most:,} inputs of this model at once, "
                f"and {inputs:,} came",
                field="input",
                remedy="Send them in several requests.",
            )
