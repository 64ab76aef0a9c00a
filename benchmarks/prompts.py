"""Prompts of a wished length, the same for everybody from the same seed.

They are words that are one token each in the bench model's vocabulary, in chance order: a server
cannot have seen one before unless the benchmark shows it twice on purpose.
"""

import random
from typing import Final

_WORDS: Final = (
    "time year people way day man thing woman life child world school state family student group "
    "country problem hand part place case week company system program question work government "
    "number night point home water room mother area money story fact month lot right study book "
    "eye job word business issue side kind head house service friend father power hour game line "
    "end member law car city community name president team minute idea kid body information back "
    "parent face others level office door health person art war history party result change "
    "morning reason research girl guy moment air teacher force education"
)


def words(count: int, *, seed: int) -> str:
    """`count` words, about as many tokens. No two seeds share a beginning worth caching."""
    chance = random.Random(seed)
    return " ".join(chance.choices(_WORDS.split(), k=count))
