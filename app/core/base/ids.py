"""Identifiers, each its own type, so that one cannot stand where another is meant."""

from typing import Final, NewType

RequestId = NewType("RequestId", str)
"""One request of a client; unique within a server process."""

Domain = NewType("Domain", str)
"""A trust domain: requests share cached prefixes only with requests of the same domain."""

ModelName = NewType("ModelName", str)
"""The canonical name of a model in the library, as listed by /v1/models."""

Slot = NewType("Slot", int)
"""A llama.cpp sequence id: a row of the KV cache's membership table, 0 <= slot < plan.slots."""

Token = int
"""A token id of the loaded vocabulary. A plain alias: they are counted in millions."""

OWNER_DOMAIN: Final = Domain("owner")
