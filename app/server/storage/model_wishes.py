"""Model wishes: how the owner wants single models to be loaded, besides the settings for all."""

from typing import Final, Self, final

import msgspec

from app.core.base.ids import ModelName
from app.core.models.wishes import Wishes
from app.server.storage.database import Database
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("model_wishes")


@final
class KeptWishes(msgspec.Struct, frozen=True, kw_only=True):
    """What was wished for one model; None follows the settings."""

    context: int | None = None
    sequences: int | None = None
    gpu_layers: int | None = None
    keep_alive: int | None = None
    """Seconds without use; -1 for ever."""

    def over(self, usual: Wishes) -> Wishes:
        """The usual wishes with these put over them."""
        said = {
            name: value
            for name in ("context", "sequences", "gpu_layers")
            if (value := getattr(self, name)) is not None
        }
        return msgspec.structs.replace(usual, **said) if said else usual


NONE = KeptWishes()


@final
class ModelWishes:
    """All of them, in memory and in `database`. Used by one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[str, KeptWishes] = {}

    @classmethod
    async def open(cls, database: Database) -> Self:
        """What `database` holds."""
        wishes = cls(database)
        names = KeptWishes.__struct_fields__
        for model, *values in await database.read(_SQL["all"]):
            kept = dict(zip(names, values, strict=True))
            wishes._kept[str(model)] = msgspec.convert(kept, KeptWishes)
        return wishes

    def of(self, model: ModelName) -> KeptWishes:
        """What was wished for the model; nothing for most."""
        return self._kept.get(model, NONE)

    async def keep(self, model: ModelName, kept: KeptWishes) -> None:
        """From now on; wishes that say nothing are forgotten."""
        if kept == NONE:
            self._kept.pop(model, None)
            await self._database.write(_SQL["forget"], model)
            return
        await self._database.write(
            _SQL["keep"],
            *(model, kept.context, kept.sequences, kept.gpu_layers, kept.keep_alive),
        )
        self._kept[model] = kept
