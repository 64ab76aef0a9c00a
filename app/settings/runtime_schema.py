"""The section `runtime` of the schema: back ends that are not inside. Its rules are schema.py's."""

from typing import Annotated, final

import msgspec
from msgspec import Meta


@final
class RuntimeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Packs of back ends for GPUs (docs/runtime.md)."""

    packs_address: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s]+)?$",
            max_length=1000,
            description="Where the signed list of runtime packs lies, with the packs beside it; "
            "empty means the publisher of this copy of Athanor. Asked only when you ask.",
            extra={"allowed": "an address that begins with https:// or http://"},
        ),
    ] = ""
