"""Abilities: what a model's file promises, before it was ever loaded.

Whether its template knows tools is learned when it is loaded.
"""

from app.core.models.card import ModelCard


def expected_abilities(card: ModelCard | None) -> tuple[str, ...]:
    """The capabilities, in the words of /v1/models; () while its header was not read."""
    if card is None:
        return ()
    if card.is_embedding:
        return ("embedding",)
    abilities = ["completion"]
    if card.has_chat_template:
        abilities.append("chat")
    if card.can_infill:
        abilities.append("infill")
    return tuple(abilities)
