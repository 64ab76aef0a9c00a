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

AccountId = NewType("AccountId", str)
"""One account of a pool: a person, a club or a machine that pays and is paid."""

ProjectId = NewType("ProjectId", str)
"""A part of an account with keys, quotas and a bill of its own."""

DeviceId = NewType("DeviceId", str)
"""A node's device key: the 64 hexadecimal digits of its Ed25519 public key."""

PoolId = NewType("PoolId", str)
"""A pool: the 64 hexadecimal digits of its host's Ed25519 public key."""

JobId = NewType("JobId", str)
"""One request in a pool, however many workers take part in its answer."""

SessionId = NewType("SessionId", str)
"""One standing of a device with its host; outlives the sockets that carry it."""
